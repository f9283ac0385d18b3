namespace Ioasis.Bench;

/// <summary>
/// A translation, compared with other software address look-ups: random pages among mappings of 4 KiB each. Ours is
/// <see cref="Locate"/>, which is safe against an unmap; with many mappings it nearly always misses the port's IOTLB.
/// DPDK's vhost library holds its lock for a burst of packets; bench/c/vhost.c describes what it measures. It holds at
/// most 2047 mappings.
/// </summary>
internal static class PeersBenchmark
{
    private const string Peer = "DPDK vhost IOTLB";

    /// <summary>What must be installed before this can be measured; null if nothing.</summary>
    internal static string? Missing => File.Exists(Baselines.Program("vhost"))
        ? null
        : "peers is left out, as pkg-config finds no DPDK; on Debian, apt-get install --no-install-recommends "
            + "pkg-config libdpdk-dev brings it";

    internal static IEnumerable<Comparison> Run(int rounds)
    {
        foreach (int mappings in (int[])[1, 64, 1024, 2047])
        {
            using var bench = new DmaBenchmark.Reader(mappings);
            List<double> ours = [], theirs = [];
            Loop.Warm(bench.Locate);
            for (int round = 0; round < rounds; round++)
            {
                ours.Add(Loop.Best(bench.Locate));
                theirs.Add(Baselines.Measure(Baselines.Program("vhost"), $"{mappings}")["look-up in the vhost IOTLB"]);
            }

            yield return new Comparison($"translation among {mappings} mappings", Series.Of(ours), Peer,
                Series.Of(theirs));
        }
    }
}
