// An execution's timeline: a row for each visit of a state. Only the rows in view exist.

import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef } from "react";
import { bars, WITHIN, type Folded, type Span } from "../asl/history";
import { duration } from "./PageParts";
import { useListKeys } from "./listKeys";

const ROW = 28;

export function Timeline({ folded, now, selected, onSelect, height = 320 }: {
  folded: Folded;
  now: number;
  selected: Span | null;
  onSelect: (span: Span) => void;
  height?: number;
}) {
  const scroller = useRef<HTMLDivElement>(null);
  const rows = useMemo(() => bars(folded, now), [folded, now]);
  const virtual = useVirtualizer({ count: rows.length, getScrollElement: () => scroller.current, estimateSize: () => ROW, overscan: 12 });
  const place = selected === null ? -1 : rows.findIndex((row) => row.span.key === selected.key);
  const whole = (folded.end ?? now) - (folded.start ?? now);
  useEffect(() => {
    if (place >= 0) virtual.scrollToIndex(place, { align: "auto" });
  }, [place, virtual]);
  const onKeyDown = useListKeys(place, rows.length, (next) => {
    const row = rows[next];
    if (row !== undefined) onSelect(row.span);
  });
  return (
    <div className="timeline">
      <div className="timeline-axis" aria-hidden>
        <span>0</span>
        <span>{duration(whole / 2)}</span>
        <span>{duration(whole)}</span>
      </div>
      <div
        ref={scroller}
        className="rows"
        style={{ maxHeight: height }}
        role="listbox"
        tabIndex={0}
        aria-label="Timeline"
        aria-activedescendant={place >= 0 ? `bar-${rows[place]?.span.key ?? 0}` : undefined}
        onKeyDown={onKeyDown}
      >
        <div style={{ height: virtual.getTotalSize(), position: "relative" }} role="presentation">
          {virtual.getVirtualItems().map((item) => {
            const row = rows[item.index];
            if (row === undefined) return null;
            const { span } = row;
            const last = span.thread.split(WITHIN).at(-1) ?? "";
            const took = (span.end ?? now) - span.start;
            return (
              <div
                key={span.key}
                id={`bar-${span.key}`}
                role="option"
                aria-selected={item.index === place}
                className={`row ${item.index === place ? "chosen" : ""}`}
                style={{ transform: `translateY(${item.start}px)`, height: ROW }}
                onClick={() => {
                  onSelect(span);
                }}
              >
                <span className="row-name" style={{ paddingInlineStart: 8 + span.depth * 12 }} title={`${span.thread} ${span.state}`}>
                  {span.depth > 0 && <span className="unseen">{span.thread.slice(0, span.thread.length - last.length)}</span>}
                  {span.depth > 0 && <span className="row-thread">{last} </span>}
                  {span.state}
                  <span className="unseen">, {span.status.toLowerCase().replaceAll("_", " ")}, </span>
                </span>
                <span className="row-track">
                  <span className={`bar status-${span.status}`} style={{ left: `${row.left * 100}%`, width: `max(3px, ${row.width * 100}%)` }} />
                </span>
                <span className="row-time">{duration(took)}</span>
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}
