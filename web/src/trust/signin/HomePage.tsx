/** Shown for the moment in which "/" decides where someone belongs. */
export default function HomePage() {
  return <div className="page frame-wait" />;
}
