/** Stands in for wouter's shim of React 17: React and Preact both have the real one. */
export { useSyncExternalStore } from "react";
