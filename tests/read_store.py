"""Reads a store as other programs do: python tests/read_store.py STORE. Needs deltalake and polars; DuckDB, where it has its extension for Delta.

Tells per table: version, files, rows, partitions, and whether all readers agree; then that a filter on the date opens fewer files, and that
the first version can still be had. Exits 1 when something is not as it should be.
"""

import sys
from pathlib import Path

import deltalake
import polars


def duckdb_counts(folders):
    """Rows by table, or why DuckDB cannot tell."""
    try:
        import duckdb

        database = duckdb.connect()
        database.execute("load delta")
        count = "select count(*) from delta_scan('{}')"
        return {f.name: database.execute(count.format(f)).fetchone()[0] for f in folders}, None
    except Exception as error:  # Whatever it is, the other readers are still asked.
        return {}, f"DuckDB was not asked: {str(error).splitlines()[0]}"


def main(store):
    wrong = []
    folders = sorted(log.parent for log in Path(store).glob("*/_delta_log"))
    by_duckdb, reason = duckdb_counts(folders)
    print(f"{'table':12} version files   rows partitions")
    for folder in folders:
        table = deltalake.DeltaTable(folder)
        rows = table.to_pyarrow_table()
        lazily = polars.scan_delta(str(folder)).select(polars.len()).collect().item()
        by_log = sum(polars.DataFrame(table.get_add_actions(flatten=True))["num_records"]) if table.file_uris() else 0
        counts = {rows.num_rows, lazily, by_log, by_duckdb.get(folder.name, lazily)}
        if len(counts) > 1:
            wrong.append(f"{folder.name}: readers count {sorted(counts)} rows")
        partitions = table.metadata().partition_columns
        print(f"{folder.name:12} {table.version():7} {len(table.file_uris()):5} {rows.num_rows:6} {','.join(partitions)}")
        dates = sorted({d for d in rows["date"].to_pylist() if d is not None}) if "date" in partitions else []
        if len(dates) > 1:
            # What a query on one day need not open: the partitions of the log.
            other = [f for f in table.file_uris() if f"date={dates[-1]}" not in f]
            found = polars.scan_delta(str(folder)).filter(polars.col("date") == dates[-1]).select(polars.len()).collect().item()
            if not other or found != rows["date"].to_pylist().count(dates[-1]):
                wrong.append(f"{folder.name}: days are not apart")
        oldest = deltalake.DeltaTable(folder, version=0) if (folder / "_delta_log" / f"{0:020}.json").exists() else None
        if oldest is not None and oldest.to_pyarrow_table().num_rows != 0:
            wrong.append(f"{folder.name}: the first version is not empty")
    if reason:
        print(reason)
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong or not folders else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]) if len(sys.argv) == 2 else __doc__)
