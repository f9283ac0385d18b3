using Ioasis.Core.Observation;
using Ioasis.Diagnostics.Trace;
using Ioasis.Iommufd.Objects;
using static Ioasis.Diagnostics.Check.SeenMachine;

namespace Ioasis.Diagnostics.Check;

/// <summary>
/// Finds what a program made through a file and had not given back when the file was closed: objects of contexts with
/// their mappings, PASIDs, and devices that were left running.
/// </summary>
/// <param name="machine">What is known of the machine.</param>
/// <param name="report">Takes the findings.</param>
internal sealed class LeakCheck(SeenMachine machine, Action<Finding> report) : MachineObserver
{
    private const int MostListed = 10, MostMappings = 3, Most = 100_000;

    private readonly Dictionary<object, Dictionary<(string Kind, ulong Id), CallSite>> _made =
        new(ReferenceEqualityComparer.Instance);

    /// <inheritdoc/>
    public override void OnOpen(in OpenEvent e) => _made[e.File] = [];

    /// <inheritdoc/>
    internal override void OnCall(in CallEvent e)
    {
        NodeCall call = e.Call;
        if (call.Result < 0 || call.Structure is not { } structure || call.CommandName is not { } name
            || !_made.TryGetValue(call.File, out Dictionary<(string, ulong), CallSite>? made)) return;
        switch (name)
        {
            case "IOMMU_DESTROY":
                ulong id = Number(structure, call.Before, "id");
                foreach ((string Kind, ulong Id) known in made.Keys.Where(k => k.Item2 == id).ToArray())
                    made.Remove(known);
                break;
            case "IOASIS_SVA_BIND_PROCESS" or "IOASIS_SVA_BIND_GUEST":
                Add(made, "PASID", Number(structure, call.After, "pasid"), call);
                break;
            case "IOASIS_SVA_UNBIND":
                made.Remove(("PASID", Number(structure, call.Before, "pasid")));
                break;
            default:
                if (!name.StartsWith("IOMMU_", StringComparison.Ordinal)) break;
                // out_ioas_id, out_hwpt_id, out_fault_id, ...
                foreach (ShownField field in StructFields.Of(structure).Read(call.After))
                {
                    if (!field.Name.StartsWith("out_", StringComparison.Ordinal)
                        || !field.Name.EndsWith("_id", StringComparison.Ordinal)
                        || !ulong.TryParse(field.Text, out ulong made_id)) continue;
                    Add(made, field.Name[4..^3], made_id, call);
                }

                break;
        }
    }

    /// <inheritdoc/>
    public override void OnClose(in CloseEvent e)
    {
        if (!_made.Remove(e.File, out Dictionary<(string Kind, ulong Id), CallSite>? made)) return;
        List<FindingPart> parts = [];
        object file = e.File; // which a lambda may use
        int count = 0;
        foreach (((string kind, ulong id), CallSite call) in made.OrderBy(m => m.Value.Number))
        {
            if (++count > MostListed) continue;
            SpaceHistory? space = kind == "ioas" ? SpaceOf(e.File, id) : null;
            string maps = space is { Count: > 0 } ? Text($" with {space.Count} mappings") : "";
            parts.Add(new FindingPart(Text($"{kind} {id}{maps} made"), call));
            foreach (KnownMap map in (space?.Maps ?? []).Take(MostMappings))
                parts.Add(new FindingPart(Text($"its memory at IOVA 0x{map.Range.First:x} mapped"), map.Mapped));
        }

        foreach (SeenDevice device in machine.Devices.Where(d => d.File?.Target == file))
        {
            if (device.Endpoint.AccessesUnderWay.Count == 0) continue;
            parts.Add(new FindingPart($"{device.Name} was left running"));
            count++;
        }

        if (count == 0) return;
        if (made.Count > MostListed) parts.Add(new FindingPart(Text($"and {made.Count - MostListed} more")));

        report(new Finding
        {
            Kind = CheckKind.Leak,
            What = Text($"{count} {(count == 1 ? "thing was" : "things were")} left when {e.Path} was closed"),
            Process = machine.ProcessOf(e.File),
            Parts = parts,
            Hint = "The kernel gives all of it back. A program that runs for long must do it itself.",
        });
    }

    private SpaceHistory? SpaceOf(object file, ulong id) => file is IommufdContext context
        ? machine.Spaces.FirstOrDefault(s => s.Key is IommufdIoas ioas && ioas.Id == id
            && ioas.Objects == context.Objects).Value
        : null;

    private static void Add(Dictionary<(string, ulong), CallSite> made, string kind, ulong id, NodeCall call)
    {
        if (made.Count < Most) made[(kind, id)] = CallSites.Of(call);
    }

    private static ulong Number(Type structure, byte[] bytes, string name) =>
        StructFields.Of(structure).Read(bytes).FirstOrDefault(f => f.Name == name) is { Text: { } text }
            && ulong.TryParse(text, out ulong value) ? value : 0;
}
