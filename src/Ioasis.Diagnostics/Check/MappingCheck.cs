using Ioasis.Core.Domains;
using Ioasis.Core.Observation;
using Ioasis.Diagnostics.State;
using Ioasis.Iommufd.Objects;
using static Ioasis.Diagnostics.Check.SeenMachine;

namespace Ioasis.Diagnostics.Check;

/// <summary>
/// Finds mappings that nobody uses, and memory of a process that two I/O address spaces let devices write.
/// </summary>
/// <param name="machine">What is known of the machine.</param>
/// <param name="options">What is looked for.</param>
/// <param name="report">Takes the findings.</param>
internal sealed class MappingCheck(SeenMachine machine, CheckOptions options, Action<Finding> report) : MachineObserver
{
    private readonly bool _looksForShared = options.Has(CheckKind.SharedWritable);

    /// <inheritdoc/>
    public override void OnDma(in DmaEvent e)
    {
        if (machine.SpaceOf(e.Access.Space).Find(e.Access.Address) is { } map) map.IsUsed = true;
    }

    /// <inheritdoc/>
    public override void OnUnmap(in UnmapEvent e)
    {
        foreach (KnownMap map in machine.SpaceOf(e.Space).LastUnmapped.Where(m => !m.IsUsed))
        {
            report(new Finding
            {
                Kind = CheckKind.UnusedMapping,
                What = $"{Show(e.Space, map)} was used by no device",
                Process = ProcessOf(e.Space),
                Place = new FindingPlace(null, Mapping: map.Range),
                Parts = [new FindingPart("mapped", map.Mapped), new FindingPart("unmapped", map.Unmapped)],
                Hint = "Map less, or only when it is needed.",
                Subject = (map.Range, map.Mapped),
            });
        }
    }

    /// <inheritdoc/>
    public override void OnMap(in MapEvent e)
    {
        if (!_looksForShared || (e.Access & MapAccess.Write) == 0
            || machine.SpaceOf(e.Space).Find(e.Range.First) is not { } map) return;
        if (map.IsFile) return;
        ulong last = map.Address + (map.Range.Last - map.Range.First);
        foreach ((object space, SpaceHistory maps) in machine.Spaces)
        {
            if (space == e.Space || ProcessOf(space) != ProcessOf(e.Space)) continue;
            KnownMap? other = maps.Maps.FirstOrDefault(m => (m.Access & MapAccess.Write) != 0
                && !m.IsFile && m.Address <= last && map.Address <= m.Address + (m.Range.Last - m.Range.First));
            if (other is null) continue;
            report(new Finding
            {
                Kind = CheckKind.SharedWritable,
                What = $"{Show(e.Space, map)} and {Show(space, other)} have common memory",
                Process = ProcessOf(e.Space),
                Place = new FindingPlace(null, Mapping: map.Range),
                Parts = [new FindingPart("mapped", map.Mapped), new FindingPart("before that mapped", other.Mapped)],
                Hint = "If one of the devices only reads, map without IOMMU_IOAS_MAP_WRITEABLE for it.",
                Subject = (map.Mapped, other.Mapped),
            });
        }
    }

    internal static string Show(object space, KnownMap map)
    {
        string what = space is IommufdIoas ioas ? Text($"IOAS {ioas.Id}") : "a driver's space";
        return $"{what} {DiagnosticsJson.Hex(map.Range.First)}-{DiagnosticsJson.Hex(map.Range.Last)} "
            + StateReader.NameOf(map.Access);
    }

    private int ProcessOf(object space) => space is IommufdIoas ioas ? machine.ProcessOf(ioas.Objects) : 0;
}
