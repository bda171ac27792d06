"""The keys of the pictures that a log names by id; pictures that are gone drop out."""

import json
import tempfile
from pathlib import Path

import duckdb

from lookalike.catalogue import image_id_of, names_image
from lookalike.stores import Store

CATALOGUE = """
create table catalogue as
select * from read_json($file, format='newline_delimited', columns={image: 'UUID', key: 'VARCHAR'})
"""
KNOWN = """
create table known as
select * from shown semi join catalogue using (image)
where anchor in (select image from catalogue)
"""


def keep_known(engine: duckdb.DuckDBPyConnection, images: Store) -> int:
    """Fill `catalogue`, and leave in `shown` what is in it. Returns how many clicks went."""
    with tempfile.TemporaryDirectory(prefix="clicks-") as folder:
        file = Path(folder) / "catalogue.jsonl"
        with file.open("w", encoding="utf-8") as out:
            for key, _ in images.keys():
                if names_image(key):
                    out.write(json.dumps({"image": image_id_of(key), "key": key}) + "\n")
        engine.execute(CATALOGUE, {"file": str(file)})
    engine.execute(KNOWN)
    lost = "select (select count_if(clicked) from shown) - (select count_if(clicked) from known)"
    gone: int = engine.execute(lost).fetchall()[0][0]
    engine.execute("drop table shown")
    engine.execute("alter table known rename to shown")
    return gone
