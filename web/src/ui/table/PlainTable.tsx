import type { ReactNode } from "react";

interface PlainTableProps<Row> {
  caption: string;
  hideCaption?: boolean;
  columns: readonly { key: string; header: string; cell: (row: Row) => ReactNode; align?: "end" }[];
  rows: readonly Row[];
  rowKey: (row: Row, index: number) => string;
}

/** A short table, whole in the document: beside charts, in reports, in print. */
export function PlainTable<Row>({ caption, hideCaption = false, columns, rows, rowKey }: PlainTableProps<Row>) {
  return (
    <div className="table-plain" role="group" aria-label={caption} tabIndex={0}>
      <table>
        <caption className={hideCaption ? "hidden-visually" : undefined}>{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.key} scope="col" data-align={column.align}>
                {column.header}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={rowKey(row, index)}>
              {columns.map((column) => (
                <td key={column.key} data-align={column.align}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
