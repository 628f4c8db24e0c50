"""``python -m lunaredge`` is the same as ``lunaredge``."""

import sys

from lunaredge.cli.main import main

sys.exit(main())
