// Two answers to one prompt, side by side, while they are written; then the choice. Nobody is told who wrote which
// before, so that the page is judged and not the name.

import { useEffect, useState } from "react"
import { Expand, Shrink } from "lucide-react"

const SIDES = ["A", "B"]
const OUTCOMES = { writing: "", waiting: "" }

function ComparePages({ comparison, title, writing, can_pick, picked, sides, apiClient, callAction }) {
  const [large, setLarge] = useState(false)
  const [front, setFront] = useState(0) // the one in sight on a phone
  const [trouble, setTrouble] = useState("")
  const [waiting, setWaiting] = useState(false)

  useEffect(() => {
    if (!large) return
    const leave = (event) => {
      if (event.key !== "Escape") return
      event.stopPropagation()
      setLarge(false)
    }
    window.addEventListener("keydown", leave, true)
    return () => window.removeEventListener("keydown", leave, true)
  }, [large])

  const pick = async (chosen, tie) => {
    setTrouble("")
    setWaiting(true)
    const payload = { comparison, chosen: sides[chosen].page, rejected: sides[1 - chosen].page, tie }
    try {
      const answer = await callAction({ name: "pick", payload })
      const error = answer?.response?.error
      if (error) setTrouble(error)
      else setLarge(false)
    } catch {
      setTrouble("The server cannot be reached. Please choose again.")
    } finally {
      setWaiting(false)
    }
  }
  const verdict = (side) => (picked === "tie" ? "Tie" : picked && picked === side.page ? "Better" : "")
  return (
    <section className={large ? "cp cp-large" : "cp"} aria-label={`Comparison: ${title}`}>
      <div className="cp-bar">
        <span className="cp-title" title={title}>
          {title}
        </span>
        <span className="cp-tabs" role="group" aria-label="Which page to show">
          {SIDES.map((name, n) => (
            <button key={name} onClick={() => setFront(n)} aria-pressed={front === n}>
              {name}
            </button>
          ))}
        </span>
        <button
          className="cp-expand"
          onClick={() => setLarge(!large)}
          title={large ? "Back into the chat (Esc)" : "Fill the window"}
          aria-label={large ? "Back into the chat" : "Fill the window"}
        >
          {large ? <Shrink /> : <Expand />}
        </button>
      </div>
      <div className="cp-sides">
        {sides.map((side, n) => (
          <div key={n} className="cp-side" data-front={front === n} data-verdict={verdict(side)} data-state={side.state}>
            <div className="cp-name">
              <b>{SIDES[n]}</b>
              {side.name && <span className="cp-who">{side.name}</span>}
              {verdict(side) && <span className="cp-verdict">{verdict(side)}</span>}
            </div>
            <div className="cp-paper">
              {side.page ? (
                <iframe
                  src={apiClient.buildEndpoint(`/pages/${side.page}/live`)}
                  title={`Page ${SIDES[n]}${side.title ? `: ${side.title}` : ""}`}
                  sandbox="allow-scripts allow-forms"
                  referrerPolicy="no-referrer"
                />
              ) : (
                <p>{side.says}</p>
              )}
            </div>
            <div className="cp-says" role="status">
              <span
                className={side.state === "writing" || side.state === "waiting" ? "pc-dot pc-live" : "pc-dot"}
                data-outcome={OUTCOMES[side.state] ?? side.state}
              />
              {side.says}
            </div>
            {can_pick && !picked && (
              <button className="cp-pick" disabled={waiting} onClick={() => pick(n, false)}>
                {SIDES[n]} is better
              </button>
            )}
          </div>
        ))}
      </div>
      {can_pick && !picked && (
        <div className="cp-choice">
          <button className="cp-tie" disabled={waiting} onClick={() => pick(0, true)}>
            It’s a tie
          </button>
          <span>You see who wrote which afterwards. The better page is the one you go on with.</span>
        </div>
      )}
      {!can_pick && !writing && !picked && <p className="cp-note">Without two whole pages there is nothing to choose.</p>}
      {trouble && (
        <p className="cp-note" role="alert">
          {trouble}
        </p>
      )}
    </section>
  )
}

// See PageCode.jsx: the first component stays, else React would load the frames anew with every change in the chat.
const kept = (window.htmlgenElements = window.htmlgenElements || {})
kept.ComparePages = kept.ComparePages || ComparePages
const Kept = kept.ComparePages

export default <Kept {...props} apiClient={apiClient} callAction={callAction} />
