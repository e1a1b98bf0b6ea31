// A page of several reports: each begins with a heading of the first level, and is written by its own program.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/* Puts `report`, whose first line is "# TITLE", in the place of the report with that title, or behind the others. */
export function writeReport(path, report) {
    const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
    const reports = text.split(/^(?=# )/m).map((one) => one.trim()).filter(Boolean);
    const title = report.trim().split('\n')[0];
    const at = reports.findIndex((one) => one.split('\n')[0] === title);
    reports.splice(at < 0 ? reports.length : at, at < 0 ? 0 : 1, report.trim());
    writeFileSync(path, `${reports.join('\n\n')}\n`);
}
