using Ioasis.Core.Domains;
using Ioasis.Core.Observation;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Mapping;

/// <summary>
/// The mappings of a range, for a picture that has room for some number of them: a mapping that ends within one place
/// of the picture after the one before it joins that one.
/// </summary>
/// <param name="within">The range: each mapping that has a byte in it counts, as a whole.</param>
/// <param name="most">How many runs the picture has room for; one more can come of it.</param>
internal sealed class AreaRuns(IovaRange within, int most)
{
    private readonly ulong _place = (within.Last - within.First) / (ulong)most;

    /// <summary>The runs, in ascending order.</summary>
    internal List<AreaRun> Runs { get; } = [];

    /// <summary>The address to go on from.</summary>
    internal ulong From { get; set; } = within.First;

    /// <summary>The last address that counts.</summary>
    internal ulong Last => within.Last;

    internal void Add(IovaRange range, MapAccess access, MappedMemory memory)
    {
        if (Runs.Count != 0 && range.Last - Runs[^1].Range.Last < _place)
        {
            AreaRun run = Runs[^1];
            Runs[^1] = new AreaRun(new IovaRange(run.Range.First, range.Last), run.Access | access,
                run.IsMixed || run.Access != access, run.Maps + 1, run.Bytes + range.Length, default);
            return;
        }

        Runs.Add(new AreaRun(range, access, IsMixed: false, 1, range.Length, memory));
    }
}

/// <summary>One mapping, or several neighbours.</summary>
/// <param name="Range">From the first address of the first to the last of the last.</param>
/// <param name="Access">What devices may do to some of it.</param>
/// <param name="IsMixed">Whether they may do other things elsewhere in it.</param>
/// <param name="Maps">How many mappings.</param>
/// <param name="Bytes">The sum of their lengths.</param>
/// <param name="Memory">Of one mapping, what it begins with.</param>
internal readonly record struct AreaRun(
    IovaRange Range, MapAccess Access, bool IsMixed, long Maps, ulong Bytes, MappedMemory Memory);
