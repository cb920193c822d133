// The pane's icons: strokes on a grid of 24, drawn for this project.

const STROKES = {
  again: "M20 12a8 8 0 1 1-2.6-5.9M20 3v4.5h-4.5",
  back: "M14.5 6l-6 6 6 6",
  bubble: "M4 5h16v11H11l-4.5 4v-4H4z",
  check: "M5 12.5l4.5 4.5L19 7.5",
  clear: "M5 5l14 14M19 5L5 19",
  copy: "M9 9h11v11H9zM5.5 15H4V4h11v1.5",
  desktop: "M3 5h18v11H3zM9 20h6M12 16v4",
  differ: "M6 4v6M3 7h6M3 18h6M20 5L12.5 19",
  download: "M12 4v11M7 10.5l5 5 5-5M5 20h14",
  edit: "M4 20l1-4.5L16.2 4.3l3.5 3.5L8.5 19z",
  fill: "M3 12h18M6.5 8.5L3 12l3.5 3.5M17.5 8.5L21 12l-3.5 3.5",
  forward: "M9.5 6l6 6-6 6",
  history: "M4 12a8 8 0 1 0 2.6-5.9L4 8.5M4 4v4.5h4.5M12 8v4.5l3 2",
  keyboard: "M3 7h18v11H3zM6.5 10.5h.01M10 10.5h.01M13.5 10.5h.01M17 10.5h.01M8 14.5h8",
  more: "M5 11.5h1.2v1H5zM11.4 11.5h1.2v1h-1.2zM17.8 11.5H19v1h-1.2z",
  pick: "M4 8V4h4M16 4h4v4M4 16v4h4M10.5 10.5l9 3.6-4 1.4-1.4 4z",
  phone: "M8 3h8v18H8zM11 18h2",
  print: "M7 9V4h10v5M7 17H4V9h16v8h-3M7 14h10v6H7z",
  restore: "M9 7L4.5 11.5 9 16M5 11.5h9a5 5 0 0 1 0 10h-2.5",
  screen: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  send: "M12 19V5M6 11l6-6 6 6",
  share: "M12 15V4M8 7.5L12 4l4 3.5M6 11H5v9h14v-9h-1",
  stop: "M6.5 6.5h11v11h-11z",
  tab: "M14 4h6v6M20 4l-9 9M18 14v6H4V6h6",
  tablet: "M6 3h12v18H6zM11 18h2",
  thumbDown: "M8 13V4h9.2a2 2 0 0 1 2 1.6l1 5a2 2 0 0 1-2 2.4H14l.6 4.4a2 2 0 0 1-3.8 1.1L8 13zM8 13H4V4h4",
  thumbUp: "M8 11v9h9.2a2 2 0 0 0 2-1.6l1-5a2 2 0 0 0-2-2.4H14l.6-4.4a2 2 0 0 0-3.8-1.1L8 11zM8 11H4v9h4",
  warning: "M12 4l9 16H3zM12 10v4.5M12 17.2h.01",
  wrap: "M4 6h16M4 12h13a3 3 0 0 1 0 6h-4M15.5 15.5L13 18l2.5 2.5M4 18h5",
}

const SVG = "http://www.w3.org/2000/svg"

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg")
  for (const [key, value] of Object.entries({ viewBox: "0 0 24 24", "aria-hidden": "true", class: "pv-icon" }))
    svg.setAttribute(key, value)
  const path = svg.appendChild(document.createElementNS(SVG, "path"))
  path.setAttribute("d", STROKES[name])
  return svg
}
