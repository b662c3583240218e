#pragma once

#include <string_view>

namespace llm2clip::cli {

// What every page has, that of llm2clip serve, too (serve/page). One that is a file allows itself
// no other style and no other script than those with these hashes (its Content-Security-Policy), so
// that a name that came through as markup would do nothing;
// tests/tools/llm2clip/pages/test_search_page.py says which they are when a text changes.

inline constexpr std::string_view kStyleHash =
    "sha256-qbHezql8dR84Tcafa2kkQF+rVBocLnl6VHLmNM2Qqdo=";
inline constexpr std::string_view kScriptHash =
    "sha256-1nkMKwoHwp/klFQNTQHEo2jOnA9QUWBr4zKbzEEXoNY=";

inline constexpr std::string_view kStyle = R"(
:root {
  color-scheme: light dark;
  --page: #f4f4f1; --card: #fff; --well: #e9e9e4; --text: #1b1c1a; --soft: #5d5f58;
  --edge: #d9dad3; --focus: #0b57d0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #141517; --card: #1f2124; --well: #292c30; --text: #ecedea; --soft: #a9acb1;
    --edge: #34373c; --focus: #8ab4f8;
  }
}
body { margin: 0; background: var(--page); color: var(--text); font: 1rem/1.4 system-ui, sans-serif; }
header, main, footer { max-width: 84rem; margin: 0 auto; padding: 0 1.25rem; }
h1, h2 { font-size: 1.5rem; line-height: 1.25; margin: 2rem 0 0; overflow-wrap: anywhere; }
.count, footer { color: var(--soft); font-size: .9rem; }
.count { margin: .25rem 0 0; }
footer { padding-bottom: 2rem; }
kbd { border: 1px solid var(--edge); border-radius: .25rem; padding: 0 .3rem; font: inherit; background: var(--card); }
ol {
  list-style: none; margin: 1.25rem 0; padding: 0; display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(12rem, 1fr));
}
li a {
  display: flex; flex-direction: column; height: 100%; box-sizing: border-box; overflow: hidden;
  border: 1px solid var(--edge); border-radius: .6rem; background: var(--card);
  color: inherit; text-decoration: none;
}
li a:hover { border-color: var(--soft); }
li a:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
.picture { position: relative; aspect-ratio: 1; overflow: hidden; background: var(--well); }
.picture img { position: absolute; width: 100%; height: 100%; object-fit: contain; }
.time {
  position: absolute; right: .5rem; bottom: .5rem; padding: .05rem .45rem; border-radius: .3rem;
  background: #000c; color: #fff; font-size: .85rem; font-variant-numeric: tabular-nums;
}
.missing { display: block; padding: 1rem; color: var(--soft); font-size: .85rem; overflow-wrap: anywhere; }
.words { display: grid; grid-template-columns: 1fr auto; gap: .1rem .75rem; padding: .6rem .8rem .7rem; }
.name { grid-column: 1 / -1; font-weight: 600; overflow-wrap: anywhere; }
.score { grid-area: 2 / 2; font-variant-numeric: tabular-nums; font-size: .9rem; }
.folder { grid-area: 2 / 1; color: var(--soft); font-size: .9rem; overflow-wrap: anywhere; }
.spoken { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
)";

// Arrow keys go from image to image; Tab and Enter do what they do on any page.
inline constexpr std::string_view kScript = R"(
const links = () => [...document.querySelectorAll('li a')];
const place = link => {
  const box = link.getBoundingClientRect();
  return {x: box.left + box.width / 2, y: box.top};
};
const below = (all, from, sign) => {
  const here = place(from);
  const rows = all.map(link => ({link, ...place(link)})).filter(other => sign * (other.y - here.y) > 1);
  const nearest = Math.min(...rows.map(other => sign * other.y));
  const row = rows.filter(other => sign * other.y - nearest <= 1);
  row.sort((a, b) => Math.abs(a.x - here.x) - Math.abs(b.x - here.x));
  return row.length ? row[0].link : from;
};
const moves = {
  ArrowRight: (all, at) => all[Math.min(at + 1, all.length - 1)],
  ArrowLeft: (all, at) => all[Math.max(at - 1, 0)],
  ArrowDown: (all, at) => below(all, all[at], 1),
  ArrowUp: (all, at) => below(all, all[at], -1),
  Home: all => all[0],
  End: all => all[all.length - 1],
};
addEventListener('keydown', event => {
  const move = moves[event.key];
  const all = links();
  if (!move || !all.length || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const at = all.indexOf(document.activeElement);
  (at < 0 ? all[0] : move(all, at)).focus();
  event.preventDefault();
});
document.getElementById('keys').hidden = false;
)";

}  // namespace llm2clip::cli
