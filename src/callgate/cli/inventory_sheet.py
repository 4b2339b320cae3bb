"""The style sheet of the inventory's page: light and dark by the reader's setting, and fit for print."""

SHEET = """
:root{color-scheme:light dark;--bg:#fbfbfa;--card:#fff;--ink:#1b1f24;--soft:#57606a;--line:#d8dee4;--link:#0b57d0;
--bad:#b3261e;--bad-bg:#fdecea;--warn:#7a4d00;--warn-bg:#fff4dc;--good:#14662e;--good-bg:#e3f5e8;--plain-bg:#eef1f4}
@media (prefers-color-scheme:dark){:root{--bg:#14171a;--card:#1c2024;--ink:#e6e9ec;--soft:#a3adb8;--line:#363d44;
--link:#8ab4f8;--bad:#ffb4ab;--bad-bg:#4a1c1a;--warn:#ffd48a;--warn-bg:#3f2e0c;--good:#8fdba8;--good-bg:#173823;
--plain-bg:#2a3036}}
*{box-sizing:border-box}
html{scroll-behavior:smooth}
@media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.5 system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
header,main,footer{max-width:82rem;margin:0 auto;padding:0 1.5rem}
header{padding-top:2rem}
h1{font-size:1.75rem;line-height:1.2;margin:0}
h2{font-size:1.25rem;margin:0 0 .75rem;scroll-margin-top:1rem}
.lead,small,caption,footer{color:var(--soft)}
.lead{margin:.35rem 0 1rem}
a{color:var(--link)}
a:focus-visible,.scroll:focus-visible{outline:3px solid var(--link);outline-offset:2px;border-radius:4px}
.skip{position:absolute;left:-999px}
.skip:focus{left:1rem;top:1rem;background:var(--card);padding:.5rem 1rem;z-index:1}
nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;list-style:none;margin:0;padding:0 0 1rem;
border-bottom:1px solid var(--line)}
section{margin:2rem 0}
.coverage,.figures>div{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:1rem 1.25rem}
.coverage p{margin:0}
.big{font-size:2.5rem;font-weight:650;line-height:1.1}
meter{width:100%;height:1.1rem;margin:.5rem 0}
.note{background:var(--warn-bg);color:var(--warn);padding:.6rem 1rem;border-radius:8px}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(11rem,1fr));gap:.75rem;margin:.75rem 0}
.figures>div{display:flex;flex-direction:column}
.figures dt{order:2;font-weight:600}
.figures dd{order:1;margin:0;display:contents}
.number{order:1;font-size:2rem;font-weight:650;line-height:1.15}
.figures small{order:3}
.bad .number{color:var(--bad)}
.scroll{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:10px}
table{border-collapse:collapse;width:100%;min-width:62rem;font-size:.9rem}
caption{text-align:left;padding:.75rem 1rem;border-bottom:1px solid var(--line)}
th,td{text-align:left;vertical-align:top;padding:.5rem 1rem;border-bottom:1px solid var(--line)}
tbody tr:last-child>*{border-bottom:0}
thead th{color:var(--soft);font-weight:600;white-space:nowrap}
tbody th{font-weight:600}
td,tbody th{max-width:28rem;overflow-wrap:break-word}
td{min-width:4.5rem}
section[aria-labelledby=findings] td:nth-child(3){min-width:16rem}
section[aria-labelledby=findings] td:nth-child(n+5){min-width:15rem;overflow-wrap:anywhere}
code.word{white-space:nowrap}
code{overflow-wrap:anywhere;font:.85em/1.45 ui-monospace,SFMono-Regular,Menlo,"DejaVu Sans Mono",monospace}
.mark{display:inline-block;padding:0 .5rem;border-radius:99px;background:var(--plain-bg);white-space:nowrap}
.mark.high{background:var(--bad-bg);color:var(--bad)}
.mark.medium{background:var(--warn-bg);color:var(--warn)}
.mark.good{background:var(--good-bg);color:var(--good)}
.none{color:var(--soft)}
footer{padding-bottom:2rem;font-size:.9rem}
@media print{nav,.skip{display:none}table{min-width:0}.scroll{overflow:visible;border:0}body{font-size:11px}}
"""
