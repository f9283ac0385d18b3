namespace Ioasis.Bench;

/// <summary>
/// A translation beside what others have that look addresses up in software: random pages among some mappings of 4 KiB
/// each. Ours is <see cref="Locate"/>, safe against an unmap; with many mappings it nearly always misses the port's
/// IOTLB. DPDK's vhost library holds its lock for a burst of packets; bench/c/vhost.c says what is measured there. It
/// holds no more than 2047.
/// </summary>
internal static class PeersBenchmark
{
    private const string Peer = "DPDK vhost IOTLB";

    /// <summary>What has to be installed before this can be measured; null where it is.</summary>
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
