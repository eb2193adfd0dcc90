"""The style sheet of the HTML report: light and dark, from a phone's width up, readable in print.

The pairs of colours meet a contrast of 4.5 to 1 (WCAG 2.2, 1.4.3), and nothing is told by colour alone.
"""

from __future__ import annotations

STYLE = """
:root{color-scheme:light dark;--back:#fff;--card:#f6f7f9;--text:#1b1f24;--soft:#57606a;--line:#d0d7de;--link:#0550ae;
--bad:#b3261e;--warn:#8a5300;--good:#1a6b33;--info:#57606a}
@media (prefers-color-scheme:dark){:root{--back:#0f1318;--card:#181e25;--text:#e6e9ee;--soft:#a3adb8;--line:#36404a;
--link:#79b8ff;--bad:#ff8a80;--warn:#f0b95b;--good:#6fd08c;--info:#a3adb8}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:64rem;padding:1.5rem 1rem 3rem;background:var(--back);color:var(--text);
font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
h1{font-size:1.6rem;margin:0 0 .25rem}h2{font-size:1.25rem;margin:2rem 0 .75rem}
h3{font-size:1.1rem;margin:0;overflow-wrap:anywhere}h4{font-size:.95rem;margin:1.25rem 0 .4rem}
p{margin:.25rem 0}.lead{font-size:1.05rem}
a{color:var(--link)}a:focus-visible,summary:focus-visible,[tabindex]:focus-visible{
outline:3px solid var(--link);outline-offset:2px}
.skip{position:absolute;left:-999rem}.skip:focus{position:static}
code{font:.875em/1.4 ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace;overflow-wrap:anywhere}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.92rem}
th,td{text-align:left;vertical-align:top;padding:.45rem .6rem;border-bottom:1px solid var(--line)}
thead th{color:var(--soft);font-weight:600}tbody th{font-weight:500;overflow-wrap:anywhere;min-width:9rem}
td{overflow-wrap:anywhere;min-width:6rem}td:last-child{min-width:11rem}
.number{text-align:right;white-space:nowrap}
.badge{display:inline-block;padding:0 .5rem;border:1.5px solid;border-radius:1rem;
font-size:.85rem;font-weight:600;white-space:nowrap}
.badge.allowed,.fine{color:var(--good)}.badge.refused,.failed{color:var(--bad)}.failed{font-weight:600}
span.noted{color:var(--warn)}
article{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:1rem;margin:0 0 1.25rem}
dl{margin:.75rem 0 0}dl div{display:flex;gap:.75rem;padding:.1rem 0}dt{flex:0 0 9rem;color:var(--soft)}
dd{margin:0;min-width:0;overflow-wrap:anywhere}
.findings{list-style:none;margin:0;padding:0}
.findings li{border-left:4px solid var(--info);padding:.35rem 0 .35rem .75rem;margin:.6rem 0;overflow-wrap:anywhere}
.findings li.critical,.findings li.high{border-color:var(--bad)}.findings li.medium{border-color:var(--warn)}
.findings li.excused{border-left-style:dashed}
.severity{font-weight:700}.critical .severity,.high .severity{color:var(--bad)}.medium .severity{color:var(--warn)}
.place,.line{color:var(--soft);font-size:.9rem}.remedy{font-weight:500}
summary{cursor:pointer}details ul{padding-left:1.25rem;overflow-wrap:anywhere}
.chart{display:block;width:100%;max-width:34rem;height:auto}.chart text{fill:var(--text);font-size:13px}
.bar{fill:var(--info)}.bar.critical,.bar.high{fill:var(--bad)}.bar.medium{fill:var(--warn)}
.axis{stroke:var(--line);stroke-width:2}.dot{fill:var(--link)}
.timeline{margin:.25rem 0 0;padding-left:1.25rem}.timeline time{font-variant-numeric:tabular-nums;color:var(--soft)}
footer{margin-top:2rem;color:var(--soft);font-size:.9rem}
@media (max-width:34rem){dl div{display:block}dt{font-size:.85rem}article{padding:.75rem}body{padding:1rem .75rem 2rem}}
@media print{article{break-inside:avoid-page}.skip{display:none}}
"""
