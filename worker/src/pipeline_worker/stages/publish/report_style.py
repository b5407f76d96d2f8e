"""How `report.html` looks."""

CSS = """
:root{--ink:#1f2933;--quiet:#616e7c;--line:#e4e7eb;--soft:#f5f7fa;--accent:#1f6f8b}
*{box-sizing:border-box}
body{margin:0;background:#fff;color:var(--ink);font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:980px;margin:0 auto;padding:36px 24px 64px}
h1{font-size:30px;line-height:1.2;margin:2px 0 10px;overflow-wrap:anywhere}
h1 small{font-weight:400;color:var(--quiet);font-size:20px;margin-left:6px}
h2{font-size:18px;margin:38px 0 12px;padding-bottom:6px;border-bottom:2px solid var(--line)}
p{margin:8px 0}small{color:var(--quiet)}
a{color:var(--accent)}
.over{margin:0;color:var(--quiet);font-size:13px;letter-spacing:.04em;text-transform:uppercase}
.badge{background:var(--accent);color:#fff;border-radius:999px;font-size:13px;font-weight:500;padding:3px 11px;
margin-left:12px;vertical-align:5px}
.role{background:var(--soft);border:1px solid var(--line);border-radius:4px;color:var(--quiet);font-size:12px;
padding:0 5px;margin-left:4px}
.links{list-style:none;display:flex;gap:18px;flex-wrap:wrap;padding:0;margin:10px 0 0}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(170px,1fr));gap:12px;margin-top:24px}
.tile{background:var(--soft);border:1px solid var(--line);border-radius:8px;padding:14px 16px}
.tile p{margin:0;color:var(--quiet);font-size:13px}
.tile b{display:block;font-size:27px;line-height:1.3;font-weight:650}
.wide{overflow-x:auto;margin:10px 0}
.beside{display:flex;flex-wrap:wrap;gap:8px 56px}
table{border-collapse:collapse;min-width:340px}
th,td{text-align:left;padding:5px 22px 5px 0;border-bottom:1px solid var(--line);vertical-align:top}
th{color:var(--quiet);font-weight:500;font-size:13px}
.number{text-align:right;font-variant-numeric:tabular-nums}
td:first-child{white-space:nowrap}
td:first-child small{margin-left:6px;font-size:12px}
code,pre{font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
pre{background:var(--soft);border:1px solid var(--line);border-radius:8px;padding:14px 16px;overflow-x:auto;
white-space:pre-wrap}
.quiet{color:var(--quiet);font-size:13px}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(420px,100%),1fr));gap:16px;margin:18px 0}
figure{margin:0;border:1px solid var(--line);border-radius:8px;padding:12px;display:flex;flex-direction:column}
figure img{display:block;width:100%;height:auto;max-height:340px;object-fit:contain;margin:auto 0}
figure.broad,figure.whole{grid-column:1/-1}figure.whole img{max-height:none}figure.broad img{max-height:390px}
figcaption{color:var(--quiet);font-size:13px;margin-top:8px}
li{margin:4px 0}
@media print{main{max-width:none;padding:0}h2{break-after:avoid}figure,table{break-inside:avoid}}
""".strip()
