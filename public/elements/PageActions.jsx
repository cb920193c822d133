// What can be done about a page in the chat: go on, write another one, say whether it is good.

import { useEffect, useState } from "react"
import { Play, RefreshCw, ThumbsDown, ThumbsUp } from "lucide-react"

function PageActions({ page, can_continue, can_regenerate, writing, vote, comment, callAction }) {
  const [given, setGiven] = useState(vote || 0)
  const [words, setWords] = useState(comment || "")
  const [asking, setAsking] = useState(false)
  const [trouble, setTrouble] = useState("")
  const [waiting, setWaiting] = useState(false)

  useEffect(() => setGiven(vote || 0), [page, vote])
  useEffect(() => setWords(comment || ""), [page, comment])

  const act = async (name, payload = {}) => {
    setTrouble("")
    setWaiting(true)
    try {
      const answer = await callAction({ name, payload: { page, ...payload } })
      const error = answer?.response?.error
      if (error) setTrouble(error)
      return !error
    } catch {
      setTrouble("The server cannot be reached. Please try again.")
      return false
    } finally {
      setWaiting(false)
    }
  }
  const go = (name, event, answer) => {
    window.htmlgen.follow?.(event.currentTarget, answer)
    return act(name)
  }
  const press = async (value) => {
    const next = given === value ? 0 : value
    const before = given
    setGiven(next)
    setAsking(next !== 0)
    if (!(await act("vote", { value: next, comment: next ? words : "" }))) {
      setGiven(before)
      setAsking(false)
    }
  }
  const send = async (event) => {
    event.preventDefault()
    if (await act("vote", { value: given, comment: words })) setAsking(false)
  }
  if (writing) return <div className="pa" />
  return (
    <div className="pa">
      {can_continue && (
        <button onClick={(event) => go("continue", event, "pressed")} disabled={waiting} title="Go on from the exact end, in the same page">
          <Play /> Continue
        </button>
      )}
      {can_regenerate && (
        <button onClick={(event) => go("regenerate", event, "last")} disabled={waiting} title="The same request with another seed, at a temperature of 0.7 or more; this page stays">
          <RefreshCw /> Regenerate
        </button>
      )}
      <span className="pa-votes" role="group" aria-label="Vote on this page">
        <button className="pa-up" onClick={() => press(1)} aria-pressed={given === 1} aria-label="Good page" title="Good page">
          <ThumbsUp />
        </button>
        <button className="pa-down" onClick={() => press(-1)} aria-pressed={given === -1} aria-label="Bad page" title="Bad page">
          <ThumbsDown />
        </button>
      </span>
      {asking && (
        <form className="pa-comment" onSubmit={send}>
          <input
            value={words}
            onChange={(event) => setWords(event.target.value)}
            maxLength={1000}
            aria-label="Comment on your vote"
            placeholder={given === 1 ? "What is good? (optional)" : "What is wrong? (optional)"}
          />
          <button disabled={waiting}>Send</button>
          <button type="button" onClick={() => setAsking(false)}>
            Skip
          </button>
        </form>
      )}
      {given !== 0 && !asking && words && <span className="pa-said">“{words}”</span>}
      {trouble && (
        <span className="pa-trouble" role="alert">
          {trouble}
        </span>
      )}
    </div>
  )
}

// See PageCode.jsx: the first component stays, else React would forget what is typed with every change in the chat.
const kept = (window.htmlgenElements = window.htmlgenElements || {})
kept.PageActions = kept.PageActions || PageActions
const Kept = kept.PageActions

export default <Kept {...props} callAction={callAction} />
