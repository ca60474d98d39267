"""How the page looks: light and dark, on a wide screen, on a phone and in print."""

from __future__ import annotations

__all__ = ["CSS"]

# Text on its ground keeps a contrast above 4.5 : 1 in both schemes.
CSS = """\
:root {
  color-scheme: light dark;
  --ground: #fdfdfb; --text: #1b1b1d; --pale: #5d5d66; --line: #dcdcd6; --tint: #f3f3ee;
  --yes: #00664a; --no: #a33d00; --open: #7a5200;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #16171a; --text: #e6e5e1; --pale: #a3a3ab; --line: #35363b; --tint: #1f2024;
    --yes: #4fd1a8; --no: #ff9a62; --open: #f0bd55;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; background: var(--ground); color: var(--text);
  font: 1.0625rem/1.6 Charter, "Bitstream Charter", "Iowan Old Style", Palatino, Georgia, serif;
}
main { max-width: 46rem; margin: 0 auto; padding: 3.5rem 1.25rem 5rem; overflow-wrap: break-word; }
h1 { margin: 0; font-size: 2rem; line-height: 1.2; font-weight: 600; letter-spacing: -0.01em; }
h2 {
  margin: 3.25rem 0 1.1rem; padding-bottom: 0.3rem; border-bottom: 1px solid var(--line);
  font-size: 1.25rem; line-height: 1.3; font-weight: 600;
}
.subtitle { margin: 0.6rem 0 0; color: var(--pale); }
code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
dl { margin: 0; }
dl > div { display: grid; grid-template-columns: 8rem minmax(0, 1fr); gap: 0 1.25rem; }
dl > div + div { margin-top: 1.1rem; }
dt { color: var(--pale); }
dd { margin: 0; min-width: 0; }
div.formula { overflow-x: auto; overflow-y: hidden; }
svg.formula { display: block; max-width: max(100%, 26rem); height: auto; }
code.text { display: block; font-size: 0.75rem; line-height: 1.5; overflow-wrap: anywhere; }
code.text:first-child { padding-top: 0.2rem; font-size: 0.85rem; }
div.formula + code.text { margin-top: 0.2rem; color: var(--pale); }
.badge {
  display: inline-block; margin-right: 0.3em; padding: 0 0.55em; border: 1px solid currentColor;
  border-radius: 1em; font-size: 0.85em; line-height: 1.5; font-weight: 600; white-space: nowrap;
}
.yes { color: var(--yes); }
.no { color: var(--no); }
.open { color: var(--open); }
figure { margin: 0; }
figure + figure { margin-top: 2.5rem; }
figure svg { display: block; width: 100%; min-width: 21rem; height: auto; }
figcaption { margin-top: 0.5rem; color: var(--pale); font-size: 0.95rem; line-height: 1.5; }
figcaption b { color: var(--text); font-weight: 600; }
.wide { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: 0.95rem; line-height: 1.45; }
th, td { padding: 0.45rem 1.25rem 0.45rem 0; text-align: left; vertical-align: baseline; }
td:last-child { padding-right: 0; }
thead th { border-bottom: 1px solid var(--text); color: var(--pale); font-weight: 400; }
tbody th { font-weight: 400; }
tbody tr { border-bottom: 1px solid var(--line); }
tbody td { font-variant-numeric: tabular-nums lining-nums; overflow-wrap: anywhere; }
td + td { color: var(--pale); }
pre {
  margin: 0; padding: 0.5rem 0.8rem; background: var(--tint); border: 1px solid var(--line);
  border-radius: 4px; font-size: 0.8rem; line-height: 1.5; white-space: pre-wrap;
  overflow-wrap: anywhere;
}
summary { cursor: pointer; color: var(--pale); }
details table { margin-top: 0.75rem; font-size: 0.85rem; }
@media (max-width: 36rem) {
  main { padding-top: 2rem; }
  h1 { font-size: 1.6rem; }
  dl > div { grid-template-columns: minmax(0, 1fr); gap: 0.2rem; }
}
@media print {
  :root {
    --ground: #fff; --text: #000; --pale: #444; --line: #bbb; --tint: #fff;
    --yes: #00664a; --no: #a33d00; --open: #7a5200;
  }
  body { font-size: 10.5pt; }
  main { max-width: none; padding: 0; }
  h2 { margin-top: 1.8rem; break-after: avoid; }
  figure, tr, dl > div { break-inside: avoid; }
  svg.formula, figure svg { min-width: 0; max-width: 100%; }
}
"""
