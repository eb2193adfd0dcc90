"""Each advisory about scanners and loaders of pickles has a case, and texts that only mention it are allowed.

A row of `ADVISORIES` is the ids of one advisory and its cases: the id under which `test_advisories` calls a name, the
row of `test_threat_rows` that it is an instance of, or after @ the test of another part and a word in it.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import test_torch
from container_builders import walk_all
from pickle_builders import Parts, program, push
from pickle_verdicts import examined, judged, reasons
from test_advisories import CALLABLES
from test_threat_rows import CASES

from modelguard.terms.artifact import Location

TESTS = Path(__file__).parent.parent

ADVISORIES = """
GHSA-655q-fx9r-782v CVE-2025-1716: CVE-2025-1716
GHSA-769v-p64c-89pr CVE-2025-1889 PYSEC-2025-19: Z-10
GHSA-7q5r-7gvp-wc82 CVE-2025-1944: Z-01
GHSA-w8jq-xcqf-f792 CVE-2025-1945: Z-02
GHSA-93mv-x874-956g CVE-2025-46417: CVE-2025-46417
GHSA-9gvj-pp9x-gcfr CVE-2025-71325: O-01
GHSA-jgw4-cr84-mqxg CVE-2025-10155: W-07
GHSA-mjqp-26hc-grxg CVE-2025-10156: Z-03
GHSA-f7qq-56ww-84cr CVE-2025-10157: CVE-2025-10157
GHSA-gx77-x2pv-48v7: Z-03 G-02
GHSA-9726-w42j-3qjr: GHSA-9726-w42j-3qjr
GHSA-9m3x-qqw2-h32h CVE-2026-53874: CVE-2026-53874
GHSA-m7j5-r2p5-c39r CVE-2026-56304: CVE-2026-56304
GHSA-97f8-7cmv-76j2: W-04
GHSA-vvpj-8cmc-gx39 CVE-2026-3490: CVE-2026-3490
GHSA-g38g-8gr9-h9xp CVE-2026-56315: CVE-2026-56315
GHSA-v7x6-rv5q-mhwc CVE-2025-71351: CVE-2025-71351
GHSA-fj43-3qmq-673f: GHSA-fj43-3qmq-673f
GHSA-4r9r-ch6f-vxmx CVE-2025-71366: CVE-2025-71366
GHSA-4whj-rm5r-c2v8 CVE-2025-71345: CVE-2025-71345
GHSA-86cj-95qr-2p4f CVE-2025-71353: CVE-2025-71353
GHSA-f4x7-rfwp-v3xw: GHSA-f4x7-rfwp-v3xw
GHSA-f745-w6jp-hpxx: GHSA-f745-w6jp-hpxx
GHSA-jhph-76pp-mggw: GHSA-jhph-76pp-mggw
GHSA-h3qp-7fh3-f8h4 CVE-2025-71369: CVE-2025-71369
GHSA-vr7h-p6mm-wpmh CVE-2025-71370: CVE-2025-71370
GHSA-vv6j-3g6g-2pvj CVE-2025-71348: CVE-2025-71348
GHSA-5qwp-399c-mjwf: GHSA-5qwp-399c-mjwf
GHSA-g344-hcph-8vgg CVE-2025-71352: CVE-2025-71352
GHSA-x696-vm39-cp64: GHSA-x696-vm39-cp64
GHSA-6vqj-c2q5-j97w CVE-2025-71341: CVE-2025-71341
GHSA-7wx9-6375-f5wh CVE-2026-53873: CVE-2026-53873
GHSA-f54q-57x4-jg88: GHSA-f54q-57x4-jg88
GHSA-p9w7-82w4-7q8m: GHSA-p9w7-82w4-7q8m
GHSA-3vg9-h568-4w9m CVE-2025-71354: CVE-2025-71354
GHSA-6w4w-5w54-rjvr CVE-2025-71358: CVE-2025-71358
GHSA-7cq8-mj8x-j263: GHSA-7cq8-mj8x-j263
GHSA-8r4j-24qv-fmq9 CVE-2025-71361: CVE-2025-71361
GHSA-9xph-j2h6-g47v CVE-2025-71360: CVE-2025-71360
GHSA-m869-42cg-3xwr CVE-2025-71342: CVE-2025-71342
GHSA-j343-8v2j-ff7w CVE-2025-71357: CVE-2025-71357
GHSA-3gf5-cxq9-w223 CVE-2025-71340: CVE-2025-71340
GHSA-cj3c-v495-4xqh CVE-2025-71371: CVE-2025-71371
GHSA-xp4f-hrf8-rxw7: GHSA-xp4f-hrf8-rxw7
GHSA-fqq6-7vqf-w3fg CVE-2025-71368: CVE-2025-71368
GHSA-9w88-8rmg-7g2p CVE-2025-71378: CVE-2025-71378
GHSA-49gj-c84q-6qm9: GHSA-49gj-c84q-6qm9
GHSA-q77w-mwjj-7mqx CVE-2025-71364: CVE-2025-71364
GHSA-m273-6v24-x4m4 CVE-2025-71321: CVE-2025-71321
GHSA-4675-36f9-wf6r CVE-2025-71323: CVE-2025-71323
GHSA-84r2-jw7c-4r5q CVE-2025-71320: CVE-2025-71320
CVE-2025-71373: CVE-2025-71373
GHSA-vqmv-47xg-9wpr CVE-2025-71322: CVE-2025-71322
GHSA-955r-x9j8-7rhh: GHSA-955r-x9j8-7rhh
GHSA-46h3-79wf-xr6c: GHSA-46h3-79wf-xr6c
GHSA-r8g5-cgf2-4m4m: GHSA-r8g5-cgf2-4m4m
GHSA-6556-fwc2-fg2p CVE-2025-71339: CVE-2025-71339
CVE-2025-71365: CVE-2025-71365
CVE-2025-71347: CVE-2025-71347
GHSA-hgrh-qx5j-jfwx: GHSA-r8g5-cgf2-4m4m CVE-2025-71339 CVE-2025-71365 CVE-2025-71347
GHSA-x843-g5mx-g377: GHSA-r8g5-cgf2-4m4m CVE-2025-71339 CVE-2025-71365 CVE-2025-71347
GHSA-3329-ghmp-jmv5: GHSA-r8g5-cgf2-4m4m CVE-2025-71339 CVE-2025-71365 CVE-2025-71347
GHSA-cffc-mxrf-mhh4: GHSA-r8g5-cgf2-4m4m CVE-2025-71339 CVE-2025-71365 CVE-2025-71347
GHSA-rrxm-2pvv-m66x: GHSA-r8g5-cgf2-4m4m CVE-2025-71339 CVE-2025-71365 CVE-2025-71347
GHSA-r7v6-mfhq-g3m2 CVE-2025-67748: CVE-2025-67748
GHSA-565g-hwwr-4pp3 CVE-2025-67747: CVE-2025-67747
GHSA-wfq2-52f7-7qvj CVE-2026-22606: CVE-2026-22606
GHSA-p523-jq9w-64x9 CVE-2026-22607: CVE-2026-22607
GHSA-5hvc-6wx8-mvv4 CVE-2026-22608: CVE-2026-22608
GHSA-q5qq-mvfm-j35x CVE-2026-22609: CVE-2026-22609
GHSA-h4rm-mm56-xf63 CVE-2026-22612: CVE-2026-22612
GHSA-mxhj-88fx-4pcv: O-11
GHSA-mhc9-48gj-9gp3: GHSA-mhc9-48gj-9gp3
GHSA-5hwf-rc88-82xm: GHSA-5hwf-rc88-82xm
GHSA-5cxw-w2xg-2m8h: GHSA-5cxw-w2xg-2m8h
GHSA-r48f-3986-4f9c: GHSA-r48f-3986-4f9c
GHSA-pc6j-px3p-rrj4: GHSA-pc6j-px3p-rrj4
GHSA-m6fh-58r7-x697 CVE-2026-14534: CVE-2026-14534
GHSA-wccx-j62j-r448: @tests/interception/test_interception.py WAYS
GHSA-fphw-536r-4p88: @tests/interception/test_interception.py WAYS
GHSA-cffv-grgg-g429 CVE-2026-14535: @tests/picklevm/test_grant_rules.py without_the_argument_rule
GHSA-5j3x-jp52-966f: GHSA-5j3x-jp52-966f
GHSA-6ggj-6f2q-f7mx: GHSA-6ggj-6f2q-f7mx
GHSA-53q9-r3pm-6pq6 CVE-2025-32434: W-03 Z-15
GHSA-63cw-57p8-fm3p CVE-2026-24747: CVE-2026-24747
CVE-2022-45907: CVE-2022-45907
CVE-2024-5480: CVE-2024-5480
CVE-2024-48063: CVE-2024-48063
CVE-2024-31580: Z-15
"""

TABLE = {ids: cases.split(" ") for ids, _, cases in (line.partition(": ") for line in ADVISORIES.split("\n") if line)}
# What other parts write down as a rule of their own.
RULES = [case for case in test_torch.RULES if case[0].startswith("CVE")]


def has_case(case: str) -> bool:
    known = [row[0] for row in (*CALLABLES, *CASES, *RULES)]
    return any(one == case or one.startswith((f"{case}-", f"{case} ")) for one in known)


@pytest.mark.parametrize("ids", TABLE)
def test_an_advisory_has_its_case(ids: str) -> None:
    cases = TABLE[ids]
    if cases[0].startswith("@"):
        path = TESTS.parent / cases[0][1:]
        assert cases[1] in path.read_text("utf-8")
    else:
        assert all(has_case(case) for case in cases)


def test_no_advisory_is_listed_twice_and_every_callable_has_its_advisory() -> None:
    ids = [one for row in TABLE for one in row.split()]
    assert len(ids) == len(set(ids))
    named = {case for cases in TABLE.values() for case in cases}
    for row in CALLABLES:
        if row[0].startswith("GHSA") or row[0] in named:
            assert any(row[0] == case or row[0].startswith(f"{case}-") for case in named), row[0]


@pytest.mark.parametrize(("rule", "data"), [row[1:] for row in RULES], ids=[row[0] for row in RULES])
def test_the_rule_of_an_advisory_refuses(rule: str, data: bytes) -> None:
    assert any(rule in why for why in reasons(judged(walk_all(data, "m.pt"), Location("m.pt"), size=len(data))))


def as_data(value: object) -> object:
    """Return what a pickle holds when it only mentions the arguments of a case."""
    if isinstance(value, Parts):
        return "a name"
    if isinstance(value, bytes):
        return "bytes"
    if isinstance(value, list | tuple):
        return [as_data(item) for item in value]
    return value


@pytest.mark.parametrize("row", CALLABLES, ids=[row[0] for row in CALLABLES])
def test_the_same_texts_as_data_are_allowed(row: tuple[str, str, str, tuple[object, ...]]) -> None:
    _, module, name, arguments = row
    examination = examined(program(*push([module, name, as_data(arguments)])))
    assert examination.allowed, reasons(examination)
