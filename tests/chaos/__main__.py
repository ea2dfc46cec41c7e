"""``make chaos``: many seeds."""
from __future__ import annotations
import sys, time
from collections import Counter
sys.path.insert(0, __file__.rpartition("/")[0])
from subject import SUBJECT
from arbkit.testing import chaos
def main(first, count, seconds):
    t=time.process_time(); fired=Counter(); paths=Counter(); deals=Counter(); bad=0; fin=0; orders=0
    for seed in range(first, first+count):
        t0=time.process_time()
        r=chaos.run(SUBJECT, seed, seconds)
        fired+=r.fired; paths+=r.paths; deals+=r.deals; fin=max(fin,r.finish_s); orders+=r.orders
        if r.broken:
            bad+=1; print(r, flush=True)
        print(seed, r.venues, sorted({f.kind for f in r.faults}), dict(r.deals), f"finish {r.finish_s:.1f} cpu {time.process_time()-t0:.2f}", flush=True)
    print(bad,"bad", dict(fired), dict(paths), dict(deals), "orders",orders,"worst finish",fin, "cpu",time.process_time()-t)
main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
