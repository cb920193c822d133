// What is different between two texts, line by line and, in lines that were changed, word by word.
//
// compare(a, b) gives rows {kind: "same" | "removed" | "added", old, new, text, marks}: `old` and `new` are line numbers
// from 1 (0 where the line is not on that side), `marks` the [from, to) of `text` that its partner on the other side lacks.
//
// Lines that are on each side once, in the same order, hold the two together (Bram Cohen's patience diff); what is between
// them is compared by Myers' O(ND) algorithm (Algorithmica 1, 1986), up to MOST_EDITS, beyond which it counts as rewritten.

const MOST_EDITS = 1000

export function compare(a, b) {
  const left = a.split("\n")
  const right = b.split("\n")
  const rows = []
  let [i, j] = [0, 0]
  const between = (toI, toJ) => {
    const removed = []
    const added = []
    for (; i < toI; i += 1) removed.push({ kind: "removed", old: i + 1, new: 0, text: left[i], marks: [] })
    for (; j < toJ; j += 1) added.push({ kind: "added", old: 0, new: j + 1, text: right[j], marks: [] })
    for (let n = 0; n < Math.min(removed.length, added.length); n += 1) mark(removed[n], added[n])
    rows.push(...removed, ...added)
  }
  for (const [x, y] of pairs(left, right)) {
    between(x, y)
    rows.push({ kind: "same", old: ++i, new: ++j, text: left[x], marks: [] })
  }
  between(left.length, right.length)
  return rows
}

// The pairs [index in a, index in b] of equal items that stay, in order.
export function pairs(a, b) {
  const found = []
  const work = [[0, a.length, 0, b.length]]
  while (work.length) {
    let [a0, a1, b0, b1] = work.pop()
    if (a1 < 0) {
      found.push([a0, b0])
      continue
    }
    const end = []
    while (a0 < a1 && b0 < b1 && a[a0] === b[b0]) found.push([a0++, b0++])
    while (a0 < a1 && b0 < b1 && a[a1 - 1] === b[b1 - 1]) end.push([--a1, -1, --b1, 0])
    work.push(...end) // the last is the first in the text, and the first to be taken
    if (a0 === a1 || b0 === b1) continue
    const anchors = unique(a, a0, a1, b, b0, b1)
    if (!anchors.length) {
      for (const pair of myers(a, a0, a1, b, b0, b1)) found.push(pair)
      continue
    }
    const parts = []
    let [x, y] = [a0, b0]
    for (const [p, q] of anchors) {
      parts.push([x, p, y, q], [p, -1, q, 0])
      ;[x, y] = [p + 1, q + 1]
    }
    parts.push([x, a1, y, b1])
    work.push(...parts.reverse())
  }
  return found
}

// The longest run, in the order of both, of items that either side has once.
function unique(a, a0, a1, b, b0, b1) {
  const places = new Map()
  for (let i = a0; i < a1; i += 1) {
    const place = places.get(a[i])
    if (place) place.a = -1
    else places.set(a[i], { a: i, b: -1, times: 0 })
  }
  for (let j = b0; j < b1; j += 1) {
    const place = places.get(b[j])
    if (place) [place.b, place.times] = [j, place.times + 1]
  }
  const both = [...places.values()].filter((place) => place.a >= 0 && place.times === 1)
  const piles = [] // patience: the smallest last `b` of each length
  for (const place of both) {
    let [low, high] = [0, piles.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (piles[middle].b < place.b) low = middle + 1
      else high = middle
    }
    place.before = low ? piles[low - 1] : null
    piles[low] = place
  }
  const run = []
  for (let place = piles.at(-1); place; place = place.before) run.push([place.a, place.b])
  return run.reverse()
}

function myers(a, a0, a1, b, b0, b1) {
  const [n, m] = [a1 - a0, b1 - b0]
  const most = Math.min(n + m, MOST_EDITS)
  const trace = []
  let furthest = new Map([[1, 0]])
  for (let edits = 0; edits <= most; edits += 1) {
    const next = new Map(furthest)
    for (let k = -edits; k <= edits; k += 2) {
      const down = k === -edits || (k !== edits && (furthest.get(k - 1) ?? -1) < (furthest.get(k + 1) ?? -1))
      let x = down ? furthest.get(k + 1) : furthest.get(k - 1) + 1
      while (x < n && x - k < m && a[a0 + x] === b[b0 + x - k]) x += 1
      next.set(k, x)
      if (x >= n && x - k >= m) return walk([...trace, next], edits)
    }
    trace.push(next)
    furthest = next
  }
  return []

  function walk(steps, edits) {
    const found = []
    let [x, y] = [n, m]
    for (let d = edits; d >= 0; d -= 1) {
      const before = d ? steps[d - 1] : new Map([[1, 0]])
      const k = x - y
      const down = k === -d || (k !== d && (before.get(k - 1) ?? -1) < (before.get(k + 1) ?? -1))
      const from = down ? k + 1 : k - 1
      const fromX = d ? before.get(from) : 0
      const fromY = d ? fromX - from : 0
      const startX = d ? (down ? fromX : fromX + 1) : 0
      while (x > startX) found.push([a0 + --x, b0 + --y])
      ;[x, y] = [fromX, fromY]
    }
    return found.reverse()
  }
}

// Marks the words that differ in two lines which stand for each other; none where hardly anything is alike.
function mark(old, now) {
  if (old.text.length + now.text.length > 4000) return
  const words = (text) => text.match(/[\p{L}\p{N}_-]+|\s+|./gsu) ?? []
  const [left, right] = [words(old.text), words(now.text)]
  const kept = pairs(left, right)
  const same = kept.reduce((sum, [i]) => sum + left[i].trim().length, 0)
  if (same * 3 < Math.max(old.text.trim().length, now.text.trim().length)) return
  old.marks = rest(left, new Set(kept.map(([i]) => i)))
  now.marks = rest(right, new Set(kept.map(([, j]) => j)))
}

function rest(words, kept) {
  const marks = []
  let at = 0
  words.forEach((word, n) => {
    const to = at + word.length
    if (!kept.has(n)) {
      if (marks.length && marks.at(-1)[1] === at) marks.at(-1)[1] = to
      else marks.push([at, to])
    }
    at = to
  })
  return marks
}
