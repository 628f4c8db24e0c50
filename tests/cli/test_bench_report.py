"""What a benchmark prints: for scripts as measured, for people in 80 columns."""

import pytest

from lunaredge.cli.bench import row as rows_of
from lunaredge.cli.bench.report import WIDTH, as_text, figure
from lunaredge.cli.bench.row import BenchRow, as_document

NOTE = "Bound by the sun, " * 20
CASES = ("500 paths past 1,000 boxes on 400 m", "a case with a name of so many words " * 3)


def played(peer: str, ratio: float | None, case: str, reason: str = "") -> BenchRow:
    return BenchRow(
        case=case,
        metric="poses_per_s",
        unit="1/s",
        ours=84123456.7,
        peer=peer,
        peer_value=None if ratio is None else 84123456.7 / ratio,
        ratio=ratio,
        note=NOTE,
        reason=reason,
        job="solids",
    )


def some_rows() -> list[BenchRow]:
    return [
        *(
            played("commonroad-drivability-checker", ratio, case)
            for ratio, case in zip((49.48, 3.0), CASES, strict=True)
        ),
        *(played("coal", None, case, "coal is not installed") for case in CASES),
    ]


def test_for_scripts_figures_are_as_measured_and_keys_as_promised() -> None:
    document = as_document("paths", some_rows()[2:3])

    assert document.keys() == {"bench", "machine", "rows"}
    assert document["rows"] == [
        {
            "case": CASES[0],
            "metric": "poses_per_s",
            "unit": "1/s",
            "ours": 84123456.7,
            "peer": "coal",
            "peer_value": None,
            "ratio": None,
            "note": f"coal is not installed. {NOTE}",
        }
    ]


def test_for_people_a_case_stands_once_with_its_peers_below() -> None:
    text = as_text("paths", some_rows())

    lines = text.splitlines()
    at = lines.index(next(line for line in lines if line.startswith(f"  {CASES[0]}")))
    assert lines[at].endswith("ours 84,120,000 [1]")
    assert lines[at + 1].split() == ["commonroad-drivability-checker", "1,700,000", "49.48", "x"]
    assert lines[at + 2].strip() == "coal: coal is not installed"
    assert max(map(len, lines)) <= WIDTH
    assert text.count("[1] Bound by the sun") == 1


def test_each_job_is_told_in_short_at_the_end() -> None:
    text = as_text("paths", some_rows())

    short = [line.split() for line in text.splitlines()[-3:]]
    assert short == [
        ["paths.solids:", "poses_per_s,", "1/s"],
        ["commonroad-drivability-checker", "3", "to", "49.48", "x"],
        ["coal", "not", "compared"],
    ]


def test_what_is_equal_is_not_called_not_compared() -> None:
    row = BenchRow(
        case="assign", metric="gap_pct", unit="%", ours=0.0, peer="p", peer_value=0.0, ratio=1.0
    )

    lines = as_text("placement", [row]).splitlines()

    assert [line.split() for line in lines if line.strip().startswith("p ")] == [
        ["p", "0", "equal"],
        ["p", "equal"],
    ]


def test_rows_of_one_metric_stand_together_whatever_their_order() -> None:
    rows = [
        BenchRow(case=case, metric=metric, unit=metric, ours=1.0)
        for case in ("small", "large")
        for metric in ("solved", "first_plan_ms")
    ]

    text = as_text("mapf", rows)

    assert text.count("mapf: solved") == 2
    assert text.count("mapf: first_plan_ms") == 2


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (123456.0, "123,456"),
        (84123456.7, "84,120,000"),
        (1152.34, "1152"),
        (0.0042731, "0.004273"),
        (0.0, "0"),
        (None, "-"),
    ],
)
def test_a_figure_has_the_digits_of_a_measurement_and_a_count_has_all(
    value: float | None, shown: str
) -> None:
    assert figure(value) == shown


def test_the_machine_tells_the_peers_that_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"coal": "3.0.3", "numba": "0.68"}
    monkeypatch.setattr(rows_of, "_version", lambda name: versions.get(name, ""))

    told = rows_of.machine()

    assert told["coal"] == "3.0.3"
    assert "python-fcl" not in told
    assert {"python-fcl", "commonroad-drivability-checker", "pyastar2d"} < set(rows_of.LIBRARIES)
