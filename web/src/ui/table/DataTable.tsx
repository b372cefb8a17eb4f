import { defaultRangeExtractor, type Range, useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, type ReactNode, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import { Icon } from "../Icon";

export interface Column<Row> {
  key: string;
  header: string;
  cell: (row: Row) => ReactNode;
  /** 1 shows always, 2 from a tablet on, 3 only on a desk. */
  priority?: 1 | 2 | 3;
  align?: "end";
  width?: string;
  /** The field of `order_by`, where the server can sort by it. */
  orderBy?: string;
}

export interface Selection {
  has: (key: string) => boolean;
  toggle: (key: string) => void;
  toggleAll: () => void;
  state: "none" | "some" | "all";
}

interface DataTableProps<Row> {
  /** Names the table for a screen reader. */
  label: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row) => string;
  /** Names a row: for its checkbox, and read out when it takes focus. */
  rowLabel: (row: Row) => string;
  hasMore?: boolean;
  isLoadingMore?: boolean;
  onMore?: () => void;
  onOpen?: (row: Row) => void;
  onEdit?: (row: Row) => void;
  selection?: Selection;
  order?: { by: string; onOrder: (by: string) => void };
  /** Remembers the scroll place under this name while the app is open. */
  memory?: string;
}

const ROW_HEIGHT = 44;
const offsets = new Map<string, number>();

/**
 * A table of any length: only the rows in view are in the document, the next page is asked for as the end comes near.
 * One tab stop; arrows, j/k, Home, End and page keys move between rows, Enter opens, space selects, e edits.
 */
export function DataTable<Row>(props: DataTableProps<Row>) {
  const { columns, rows, label, hasMore = false, isLoadingMore = false, onMore, memory } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState(0);
  const activeIndex = Math.min(active, Math.max(rows.length - 1, 0));
  const keepActive = useCallback(
    (range: Range) => [...new Set([...defaultRangeExtractor(range), activeIndex])].filter((index) => index < range.count).toSorted((a, b) => a - b),
    [activeIndex],
  );
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 8,
    rangeExtractor: keepActive,
    initialOffset: memory ? (offsets.get(memory) ?? 0) : 0,
  });
  const items = virtual.getVirtualItems();
  const lastInView = virtual.range?.endIndex ?? 0;
  useEffect(() => {
    if (hasMore && !isLoadingMore && lastInView >= rows.length - 20) onMore?.();
  }, [hasMore, isLoadingMore, lastInView, rows.length, onMore]);
  useLayoutEffect(() => {
    const element = scroller.current;
    if (!memory || !element) return;
    element.scrollTop = offsets.get(memory) ?? 0;
    return () => void offsets.set(memory, element.scrollTop);
  }, [memory]);
  const focusRow = (index: number) => {
    const next = Math.max(0, Math.min(index, rows.length - 1));
    setActive(next);
    virtual.scrollToIndex(next);
    // The row may only now enter the document.
    requestAnimationFrame(() => scroller.current?.querySelector<HTMLElement>(`tr[data-index="${next}"]`)?.focus());
  };
  return (
    <div className="table-scroll" ref={scroller}>
      <table role="grid" aria-label={label} aria-rowcount={hasMore ? -1 : rows.length + 1} aria-multiselectable={props.selection ? true : undefined} onKeyDown={(event) => onTableKey(event, { ...props, activeIndex, focusRow })}>
        <TableHead {...props} columns={columns} />
        <tbody>
          {items.map((item, position) => (
            <TableRow key={props.rowKey(rows[item.index]!)} {...props} row={rows[item.index]!} index={item.index} gap={item.start - (items[position - 1]?.end ?? 0)} isActive={item.index === activeIndex} setActive={setActive} />
          ))}
          <Spacer height={virtual.getTotalSize() - (items.at(-1)?.end ?? 0)} />
        </tbody>
      </table>
      {isLoadingMore ? <p className="table-more muted">Loading more…</p> : null}
    </div>
  );
}

/** Stands for the rows that are not in the document. */
function Spacer({ height }: { height: number }) {
  return height > 0 ? (
    <tr aria-hidden="true" role="presentation" className="table-spacer">
      <td style={{ height }} />
    </tr>
  ) : null;
}

function TableHead<Row>({ columns, selection, order }: DataTableProps<Row>) {
  return (
    <thead>
      <tr aria-rowindex={1}>
        {selection ? (
          <th scope="col" className="table-check">
            <input
              type="checkbox"
              aria-label="Select all that are loaded"
              checked={selection.state === "all"}
              ref={(box) => {
                if (box) box.indeterminate = selection.state === "some";
              }}
              onChange={selection.toggleAll}
            />
          </th>
        ) : null}
        {columns.map((column) => (
          <HeaderCell key={column.key} column={column} order={order} />
        ))}
      </tr>
    </thead>
  );
}

function HeaderCell<Row>({ column, order }: { column: Column<Row>; order: DataTableProps<Row>["order"] }) {
  const { orderBy } = column;
  const style = column.width ? { width: column.width } : undefined;
  if (!orderBy || !order) {
    return (
      <th scope="col" data-priority={column.priority} data-align={column.align} style={style}>
        {column.header}
      </th>
    );
  }
  const direction = order.by === orderBy ? "ascending" : order.by === `${orderBy} desc` ? "descending" : undefined;
  return (
    <th scope="col" data-priority={column.priority} data-align={column.align} aria-sort={direction ?? "none"} style={style}>
      <button type="button" className="table-sort" onClick={() => order.onOrder(direction === "ascending" ? `${orderBy} desc` : orderBy)}>
        {column.header}
        {direction ? <Icon name={direction === "ascending" ? "up" : "down"} size={14} /> : null}
      </button>
    </th>
  );
}

interface RowProps<Row> extends DataTableProps<Row> {
  row: Row;
  index: number;
  /** Height of the rows left out before this one. */
  gap: number;
  isActive: boolean;
  setActive: (index: number) => void;
}

function TableRow<Row>({ row, index, gap, isActive, setActive, columns, selection, rowKey, rowLabel, onOpen }: RowProps<Row>) {
  const key = rowKey(row);
  const isSelected = selection?.has(key) ?? false;
  return (
    <>
      <Spacer height={gap} />
      <tr
        data-index={index}
        aria-rowindex={index + 2}
        aria-selected={selection ? isSelected : undefined}
        tabIndex={isActive ? 0 : -1}
        data-opens={onOpen ? true : undefined}
        onFocus={() => setActive(index)}
        onClick={(event) => {
          if (!(event.target as Element).closest("input,a,button")) onOpen?.(row);
        }}
      >
        {selection ? (
          <td className="table-check">
            <input type="checkbox" tabIndex={-1} aria-label={`Select ${rowLabel(row)}`} checked={isSelected} onChange={() => selection.toggle(key)} />
          </td>
        ) : null}
        {columns.map((column) => (
          <td key={column.key} data-priority={column.priority} data-align={column.align}>
            {column.cell(row)}
          </td>
        ))}
      </tr>
    </>
  );
}

interface KeyContext<Row> extends DataTableProps<Row> {
  activeIndex: number;
  focusRow: (index: number) => void;
}

function onTableKey<Row>(event: KeyboardEvent, context: KeyContext<Row>): void {
  if (event.ctrlKey || event.metaKey || event.altKey || !(event.target instanceof HTMLTableRowElement)) return;
  const { activeIndex, focusRow, rows } = context;
  const row = rows[activeIndex];
  const moves: Record<string, number> = {
    ArrowDown: activeIndex + 1, j: activeIndex + 1, ArrowUp: activeIndex - 1, k: activeIndex - 1,
    PageDown: activeIndex + 12, PageUp: activeIndex - 12, Home: 0, End: rows.length - 1,
  };
  if (event.key in moves) focusRow(moves[event.key]!);
  else if (event.key === "Enter" && row !== undefined) context.onOpen?.(row);
  else if (event.key === "e" && row !== undefined) context.onEdit?.(row);
  else if (event.key === " " && row !== undefined) context.selection?.toggle(context.rowKey(row));
  else return;
  event.preventDefault();
}
