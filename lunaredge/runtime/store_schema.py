"""The store's schema, as steps from nothing to now.

A step is never changed once it has shipped; a change is a new step at the end. The version of a
file is the number of steps it has been through, kept in its ``meta`` table. No STRICT tables: a
board with Ubuntu 20.04 has SQLite 3.31, which does not know them.
"""

# "LEDG": tells our files from other SQLite files.
APPLICATION_ID = 0x4C454447

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL)",
        """
        CREATE TABLE rows (
            "table" TEXT NOT NULL,
            scope TEXT NOT NULL,
            number INTEGER NOT NULL,
            value BLOB NOT NULL,
            crc INTEGER NOT NULL,
            PRIMARY KEY ("table", scope, number)
        )
        """,
        """
        CREATE TABLE archive (
            node TEXT NOT NULL,
            boot INTEGER NOT NULL,
            class TEXT NOT NULL,
            first_seq INTEGER NOT NULL,
            seq INTEGER NOT NULL,
            count INTEGER NOT NULL,
            dropped INTEGER NOT NULL,
            received_ns INTEGER NOT NULL,
            record BLOB NOT NULL,
            crc INTEGER NOT NULL,
            PRIMARY KEY (node, boot, class, seq)
        )
        """,
    ),
)
