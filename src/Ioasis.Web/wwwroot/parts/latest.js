/**
 * Asks one question at a time. A question that comes meanwhile waits, and takes the place of one that waits already:
 * only the newest counts.
 */
export class Latest {
  #isAsking = false;
  #next = null;
  #stop = new AbortController();

  took = 0; // milliseconds that the last answer took

  /**
   * @param ask Gets what was given and a signal; answers a promise.
   * @param take Gets the answer and what was asked.
   * @param fail Gets the error.
   * @param rest How often as long as an answer takes to wait before the next question, so that what is costly to
   *   answer is asked seldom.
   */
  constructor(ask, take, fail, rest = 0) {
    Object.assign(this, { ask, take, fail, rest });
  }

  want(question) {
    this.#next = { question };
    if (!this.#isAsking) this.#run();
  }

  close() {
    this.#stop.abort();
    this.#next = null;
  }

  async #run() {
    this.#isAsking = true;
    while (this.#next) {
      const { question } = this.#next;
      this.#next = null;
      const began = performance.now();
      try {
        const answer = await this.ask(question, this.#stop.signal);
        if (!this.#stop.signal.aborted) this.take(answer, question);
      } catch (e) {
        if (!this.#stop.signal.aborted) this.fail?.(e, question);
      }
      const before = this.took;
      this.took = performance.now() - began;
      // Of two answers the faster one counts: the first of all is slow, as a server begins.
      const usual = Math.min(before, this.took);
      if (this.rest) await new Promise((resolve) => setTimeout(resolve, this.rest * usual));
    }
    this.#isAsking = false;
  }
}
