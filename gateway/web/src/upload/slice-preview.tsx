// The first rows of a table as they would be read.
import { ColumnType, type TableSlice } from "../gen/fenxi/analysis/v1/dataset_pb";
import { TypeIcon } from "../screens/dataset/type-icon";

/** Columns drawn; a preview of ten thousand of them helps nobody. */
const COLUMNS_MAX = 60;
const RIGHT = new Set([ColumnType.INTEGER, ColumnType.FLOAT, ColumnType.DECIMAL]);

export function SlicePreview({ slice, faded }: { slice: TableSlice; faded: boolean }) {
  const columns = slice.columns.slice(0, COLUMNS_MAX).map((column) => ({ column, missing: new Set(column.missingRows) }));
  return (
    <div className="slice" style={{ opacity: faded ? 0.5 : 1 }} data-testid="upload-preview">
      <table>
        <thead>
          <tr>
            <th className="slice-row" />
            {columns.map(({ column }) => (
              <th key={column.name}>
                <TypeIcon type={column.type} />
                {column.name}
              </th>
            ))}
            {slice.columns.length > COLUMNS_MAX && <th>+{slice.columns.length - COLUMNS_MAX}</th>}
          </tr>
        </thead>
        <tbody>
          {Array.from({ length: slice.rowCount }, (_, row) => (
            <tr key={row}>
              <td className="slice-row">{row + 1}</td>
              {columns.map(({ column, missing }) => (
                <td key={column.name} className={RIGHT.has(column.type) ? "num right" : undefined}>
                  {missing.has(row) ? <span className="missing">–</span> : column.values[row]}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
