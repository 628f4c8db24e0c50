from lunaredge.scheduler.config import SchedulerConfig
from lunaredge.units import NS_PER_S, s_from_ns
from lunaredge.wire import messages, records
from lunaredge.wire.messages import Channel, RecordClass
from tests.scheduler.rig import Site

NODE = "grader-1"
COLUMNS = (Channel(name="battery_wh", unit="Wh"), Channel(name="slip_ratio", unit="1"))
PERIOD_S = s_from_ns(SchedulerConfig(site=Site().site.name).summary_period_ns)


def birth(site: Site) -> messages.Birth:
    return messages.Birth(kind="x", channels=COLUMNS, situation=site.situation(NODE))


def upload(site: Site, seq: int, rows: list[tuple[float, ...]]) -> None:
    times_ns = [site.now_ns + i * NS_PER_S for i in range(len(rows))]
    record = records.pack_telemetry(site.now_ns, times_ns, rows)
    body = messages.Upload(
        record_class=RecordClass.RAW,
        boot=site.node_boots[NODE],
        first_seq=seq,
        seq=seq,
        floor_seq=1,
        count=len(rows),
        dropped=False,
        record=records.encode_record(record),
    )
    site.say(NODE, body)


def summaries(site: Site) -> list[records.Summary]:
    sent = [body for _, body in site.published if isinstance(body, messages.Upload)]
    found = [records.decode_record(body.record) for body in sent]
    return [record for record in found if isinstance(record, records.Summary)]


def test_a_period_of_telemetry_goes_to_earth_as_four_numbers_a_column() -> None:
    site = Site()
    site.say(NODE, birth(site))

    upload(site, 1, [(10.0, 0.5), (30.0, 0.25), (20.0, 0.375)])
    site.wait(PERIOD_S + 60.0)

    assert summaries(site)[0].rows == {
        "battery_wh": (10.0, 30.0, 20.0, 3),
        "slip_ratio": (0.25, 0.5, 0.375, 3),
    }


def test_a_scheduler_started_again_goes_on_summarising() -> None:
    site = Site()
    site.say(NODE, birth(site))

    site.start()
    upload(site, 1, [(10.0, 0.5)])
    site.wait(PERIOD_S + 60.0)

    assert summaries(site)[0].rows["battery_wh"] == (10.0, 10.0, 10.0, 1)


def test_telemetry_without_names_for_its_columns_is_only_archived() -> None:
    site = Site()

    upload(site, 1, [(10.0, 0.5)])
    site.wait(PERIOD_S + 60.0)

    assert not summaries(site)
    assert len(site.archive) == 1
