"""Speed beside the peers, in one run: ``python -m benchmarks recurrent [--quick] [--json out.json]``.

Every comparison first checks that results agree, and reports no speed where they do not. Candidates take turns, so
that whatever else the machine does hits all of them; medians and quartiles are reported, as ratios to the fastest peer
and as a share of the SGEMM rate measured in the same run. The peers come with ``pip install -e '.[bench]'``.
"""
