// Log records. Only the rows in view exist; the chosen one is shown whole. While more come, the end stays in view where it was.

import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef } from "react";
import type { LogRecord } from "../api/logs";
import { useListKeys } from "./listKeys";

const ROW = 26;
const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23" });
/** What every record of the page has, or what says nothing to a reader at a glance. */
const LEFT_OUT = new Set(["execution_id", "project_id", "request_id", "message_id", "receive_count", "trace_id", "span_id", "resource"]);

/** What a record says beside its message, on a line. */
function rest({ fields }: LogRecord): string {
  const told = Object.entries(fields).filter(([name, value]) => !LEFT_OUT.has(name) && value !== null);
  return told.map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`).join(" ");
}

export function LogList({ records, selected, onSelect, height = 320 }: { records: LogRecord[]; selected: string | null; onSelect: (id: string) => void; height?: number }) {
  const scroller = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const virtual = useVirtualizer({ count: records.length, getScrollElement: () => scroller.current, estimateSize: () => ROW, overscan: 16 });
  const place = selected === null ? -1 : records.findIndex((record) => record.id === selected);
  useEffect(() => {
    if (place >= 0) virtual.scrollToIndex(place, { align: "auto" });
  }, [place, virtual]);
  useEffect(() => {
    if (atEnd.current && place < 0 && records.length > 0) virtual.scrollToIndex(records.length - 1, { align: "end" });
  }, [records.length, place, virtual]);
  const onKeyDown = useListKeys(place, records.length, (next) => {
    const record = records[next];
    if (record !== undefined) onSelect(record.id);
  });
  return (
    <div
      ref={scroller}
      className="rows"
      style={{ maxHeight: height }}
      role="listbox"
      tabIndex={0}
      aria-label={`Log records, ${records.length}`}
      aria-activedescendant={place >= 0 ? `log-${selected ?? ""}` : undefined}
      onKeyDown={onKeyDown}
      onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
        atEnd.current = scrollTop + clientHeight >= scrollHeight - ROW;
      }}
    >
      <div style={{ height: virtual.getTotalSize(), position: "relative" }} role="presentation">
        {virtual.getVirtualItems().map((item) => {
          const record = records[item.index];
          if (record === undefined) return null;
          return (
            <div
              key={record.id}
              id={`log-${record.id}`}
              role="option"
              aria-selected={item.index === place}
              className={`row event ${record.level === "ERROR" ? "bad" : ""} ${item.index === place ? "chosen" : ""}`}
              style={{ transform: `translateY(${item.start}px)`, height: ROW }}
              onClick={() => {
                onSelect(record.id);
              }}
            >
              <span className="log-time">{TIME.format(new Date(record.timestamp))}</span>
              <span className={`log-level ${record.level}`}>{record.level}</span>
              <span className="event-type">{record.message}</span>
              <span className="log-rest">{rest(record)}</span>
            </div>
          );
        })}
      </div>
    </div>
  );
}
