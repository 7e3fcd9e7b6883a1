import { readdir, readFile } from 'node:fs/promises';

/**
 * The microseconds of CPU that all threads of a process have used, as Linux's scheduler counts them. The reading costs the
 * process nothing.
 *
 * @param {number} pid
 */
export async function cpuUsOf(pid) {
  const folder = `/proc/${pid}/task`;
  const threads = await readdir(folder);
  const texts = await Promise.all(threads.map((thread) => readFile(`${folder}/${thread}/schedstat`, 'utf8')));
  return texts.reduce((sum, text) => sum + Number(text.split(' ', 1)[0]), 0) / 1_000;
}

/** The bytes of memory that a process has. @param {number} pid */
export async function residentBytesOf(pid) {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1_024;
}
