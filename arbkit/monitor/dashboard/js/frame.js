// The one animation frame. Everything that changes calls `mark`; then all is drawn once in the next frame.
const KEPT = 2048;

export class Frame {
  /** `draw(now)` draws what is seen. */
  constructor(draw) {
    this.draw = draw;
    this.asked = false;
    this.frames = 0;
    this.spent = new Float64Array(KEPT);
    this.run = this.run.bind(this);
  }

  mark() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(this.run);
  }

  run() {
    this.asked = false;
    const began = performance.now();
    this.draw(began);
    this.spent[this.frames % KEPT] = performance.now() - began;
    this.frames += 1;
  }

  /** The work of the newest frames in milliseconds, at this share (0 to 1). */
  quantile(share) {
    const kept = this.spent.slice(0, Math.min(this.frames, KEPT)).sort();
    return kept.length ? kept[Math.min(kept.length - 1, Math.floor(share * kept.length))] : 0;
  }
}
