import { ButtonLink } from "@/ui/Button";
import { Page } from "@/ui/Page";
import { EmptyState } from "@/ui/States";

export default function NotFoundPage() {
  return (
    <Page title="Not found" hideHeading>
      <EmptyState icon="search" title="There is no such page" action={<ButtonLink href="/" look="primary">Go to the start page</ButtonLink>}>
        <p>The address may be mistyped, or what it showed is no longer yours to see.</p>
      </EmptyState>
    </Page>
  );
}
