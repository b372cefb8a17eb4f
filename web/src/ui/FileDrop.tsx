import "./FileDrop.css";
import { type DragEvent, useState } from "react";
import { Icon } from "./Icon";

interface FileDropProps {
  /** What may come, in words. */
  hint: string;
  /** The `accept` of the file chooser. */
  accept: string;
  take: (file: File | undefined) => void;
}

/** A place to drop a file, and a button to choose one. */
export function FileDrop({ hint, accept, take }: FileDropProps) {
  const [isOver, setOver] = useState(false);
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    take(event.dataTransfer.files[0]);
  };
  return (
    <label className="file-drop" data-over={isOver || undefined} onDragOver={(event) => { event.preventDefault(); setOver(true); }} onDragLeave={() => setOver(false)} onDrop={drop}>
      <Icon name="upload" size={28} />
      <span className="strong">Choose a file, or drop it here</span>
      <span className="muted small">{hint}</span>
      <input type="file" className="hidden-visually" accept={accept} onChange={(event) => take(event.currentTarget.files?.[0])} />
    </label>
  );
}
