// An execution's events. Only the rows in view exist, so thousands are as smooth as ten.

import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef } from "react";
import type { Folded, HistoryEvent } from "../asl/history";
import { useListKeys } from "./listKeys";

const ROW = 26;
const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23" });

/** Which item an event is about that belongs to no state. */
function iteration({ type, details }: HistoryEvent): string {
  return type.startsWith("MapIteration") ? `${String(details.name)}[${String(details.index)}]` : "";
}

export function EventList({ events, folded, selected, onSelect, height = 320 }: {
  events: HistoryEvent[];
  folded: Folded;
  selected: number | null;
  onSelect: (id: number) => void;
  height?: number;
}) {
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({ count: events.length, getScrollElement: () => scroller.current, estimateSize: () => ROW, overscan: 16 });
  const place = selected === null ? -1 : events.findIndex((event) => event.id === selected);
  useEffect(() => {
    if (place >= 0) virtual.scrollToIndex(place, { align: "auto" });
  }, [place, virtual]);
  const onKeyDown = useListKeys(place, events.length, (next) => {
    const row = events[next];
    if (row !== undefined) onSelect(row.id);
  });
  return (
    <div
      ref={scroller}
      className="rows events"
      style={{ height }}
      role="listbox"
      tabIndex={0}
      aria-label={`Events, ${events.length}`}
      aria-activedescendant={place >= 0 ? `event-${selected ?? 0}` : undefined}
      onKeyDown={onKeyDown}
    >
      <div style={{ height: virtual.getTotalSize(), position: "relative" }} role="presentation">
        {virtual.getVirtualItems().map((item) => {
          const event = events[item.index];
          if (event === undefined) return null;
          const span = folded.spanOf.get(event.id);
          const kind = /Failed|TimedOut|Aborted/.test(event.type) ? "bad" : /Succeeded$/.test(event.type) ? "good" : "";
          return (
            <div
              key={event.id}
              id={`event-${event.id}`}
              role="option"
              aria-selected={item.index === place}
              className={`row event ${kind} ${item.index === place ? "chosen" : ""}`}
              style={{ transform: `translateY(${item.start}px)`, height: ROW }}
              onClick={() => {
                onSelect(event.id);
              }}
            >
              <span className="event-id">{event.id}</span>
              <span className="event-type">{event.type}</span>
              <span className="event-state">
                {span?.thread !== undefined && span.thread !== "" && <span className="row-thread">{span.thread} </span>}
                {span?.state ?? iteration(event)}
              </span>
              <span className="event-time">{TIME.format(new Date(event.timestamp))}</span>
            </div>
          );
        })}
      </div>
    </div>
  );
}
