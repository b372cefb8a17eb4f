import { vi } from "vitest";

// Newer Nodes have a navigator, whose language is that of the machine: the tests read one English everywhere.
vi.stubGlobal("navigator", { language: "en-GB" });
