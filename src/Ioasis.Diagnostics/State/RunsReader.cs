using System.Diagnostics;
using Ioasis.Iommufd.Mapping;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;

namespace Ioasis.Diagnostics.State;

/// <summary>
/// Reads what is mapped and what is dirty in a range, for a picture of it. A program never waits for more than the
/// reading of some thousand mappings, and the answer is as long as the picture is wide.
/// </summary>
/// <param name="nodes">The contexts that live.</param>
internal sealed class RunsReader(OpenNodes nodes)
{
    /// <summary>The most runs that a question can ask for.</summary>
    public const int MostRuns = 10_000;

    private const int AtATime = 2000;
    private static readonly TimeSpan s_longest = TimeSpan.FromSeconds(2);

    /// <summary>Reads the mappings of an IOAS.</summary>
    /// <param name="context">The number of the context.</param>
    /// <param name="ioas">The ID of the IOAS.</param>
    /// <param name="first">The first address.</param>
    /// <param name="last">The last address.</param>
    /// <param name="most">How many runs the picture has room for.</param>
    /// <param name="wrong">What is wrong with the question, if the answer is null.</param>
    public MapsState? ReadMaps(int context, uint ioas, ulong first, ulong last, int most, out string? wrong)
    {
        if ((wrong = Check(first, last, most)) is not null) return null;
        if (Find(context, ioas, "IOAS", out wrong) is not IommufdIoas found) return null;
        var runs = new AreaRuns(new IovaRange(first, last), most);
        long began = Stopwatch.GetTimestamp();
        bool hasMore;
        while (hasMore = found.Table.Collect(runs, AtATime))
            if (Stopwatch.GetElapsedTime(began) > s_longest) break;
        ulong bytes = runs.Runs.Aggregate(0UL, (sum, run) => sum + run.Bytes);
        return new MapsState(runs.Runs.Sum(r => r.Maps), Signed(bytes), !hasMore, [.. runs.Runs.Select(Of)]);
    }

    /// <summary>Reads the dirty pages of a HWPT. Nothing is taken from the program.</summary>
    /// <param name="context">The number of the context.</param>
    /// <param name="hwpt">The ID of the HWPT.</param>
    /// <param name="first">The first address.</param>
    /// <param name="last">The last address.</param>
    /// <param name="most">How many runs the picture has room for.</param>
    /// <param name="wrong">What is wrong with the question, if the answer is null.</param>
    public DirtyState? ReadDirty(int context, uint hwpt, ulong first, ulong last, int most, out string? wrong)
    {
        if ((wrong = Check(first, last, most)) is not null) return null;
        if (Find(context, hwpt, "paging HWPT", out wrong) is not HwptPaging found) return null;
        if (!found.TracksDirty)
        {
            wrong = $"HWPT {hwpt} was made without IOMMU_HWPT_ALLOC_DIRTY_TRACKING";
            return null;
        }

        ulong size = found.DirtyPageSize, place = (last - first) / (ulong)most;
        List<DirtyRunState> runs = [];
        bool isTracking = IoPageTable.ShowDirty(found.PagingDomain, new IovaRange(first, last), (from, to) =>
        {
            long pages = (long)((to - from) / size) + 1;
            if (runs.Count != 0 && (to - runs[^1].Last < place || from == runs[^1].Last + 1))
                runs[^1] = new DirtyRunState(runs[^1].First, to, runs[^1].Pages + pages);
            else runs.Add(new DirtyRunState(from, to, pages));
        });
        return new DirtyState((long)size, isTracking, runs.Sum(r => r.Pages), runs);
    }

    private static string? Check(ulong first, ulong last, int most) =>
        first > last ? $"the last address, 0x{last:x}, is below the first, 0x{first:x}"
        : most is < 1 or > MostRuns ? $"{most} runs are asked for; expected 1 to {MostRuns}"
        : null;

    private IommufdObject? Find(int context, uint id, string kind, out string? wrong)
    {
        IommufdContext? known = nodes.Contexts.FirstOrDefault(c => c.Node.Number == context).Context;
        IommufdObject? found = known?.Objects.Find<IommufdObject>(id);
        wrong = known is null ? $"there is no context {context}"
            : found is null or (not IommufdIoas and not HwptPaging) || found is IommufdIoas != (kind == "IOAS")
                ? $"object {id} of context {context} is no {kind}"
                : null;
        return wrong is null ? found : null;
    }

    private static MapRunState Of(AreaRun run) => new(
        run.Range.First, run.Range.Last, StateReader.NameOf(run.Access), run.IsMixed, run.Maps, Signed(run.Bytes),
        run.Maps != 1 || run.Memory.IsFile ? null : run.Memory.Address,
        run.Maps == 1 && run.Memory.IsFile ? run.Memory.Address : null);

    private static long Signed(ulong bytes) => (long)Math.Min(bytes, long.MaxValue);
}
