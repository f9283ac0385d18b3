using System.Runtime.CompilerServices;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Observation;
using Ioasis.Memory;
using static Ioasis.Diagnostics.Check.SeenMachine;

namespace Ioasis.Diagnostics.Check;

/// <summary>
/// Finds buffers that the program changes while its device has them: what the device read is no longer there when the
/// device next shows its driver something, as a register, a status or an interrupt. Until then no driver can know that
/// the device is done. Pieces as short as a descriptor do not count: drivers link new descriptors to former ones.
/// </summary>
/// <param name="machine">What is known of the machine.</param>
/// <param name="report">Takes the findings.</param>
internal sealed class BufferCheck(SeenMachine machine, Action<Finding> report) : MachineObserver
{
    private const int Most = 1024;

    private readonly ConditionalWeakTable<Endpoint, List<GivenBuffer>> _given = [];

    /// <inheritdoc/>
    public override void OnDma(in DmaEvent e)
    {
        SeenAccess access = e.Access;
        List<GivenBuffer> given = _given.GetOrCreateValue(e.Endpoint);
        given.RemoveAll(b => b.Access.Space == access.Space
            && b.Access.Address <= access.Last && access.Address <= b.Access.Last);
        bool isBuffer = !access.IsWrite && access.Length > Endpoint.LongestStatus;
        if (isBuffer && given.Count < Most && HashOf(access) is { } hash) given.Add(new GivenBuffer(access, hash));
    }

    /// <inheritdoc/>
    public override void OnUnmap(in UnmapEvent e)
    {
        UnmapEvent unmap = e;
        foreach ((_, List<GivenBuffer> given) in _given)
            given.RemoveAll(b => b.Access.Space == unmap.Space
                && b.Access.Address <= unmap.Range.Last && unmap.Range.First <= b.Access.Last);
    }

    /// <inheritdoc/>
    public override void OnReset(in ResetEvent e) => _given.Remove(e.Endpoint);

    /// <inheritdoc/>
    public override void OnInterrupt(in InterruptEvent e)
    {
        if (e.IsAsserted) Compare(e.Endpoint);
    }

    /// <inheritdoc/>
    public override void OnProgress(in ProgressEvent e) => Compare(e.Endpoint);

    private void Compare(Endpoint endpoint)
    {
        if (!_given.TryGetValue(endpoint, out List<GivenBuffer>? given) || given.Count == 0) return;
        SeenDevice device = machine.DeviceOf(endpoint);
        foreach (GivenBuffer buffer in given)
        {
            if (HashOf(buffer.Access) is not { } hash || hash == buffer.Hash) continue;
            SeenAccess access = buffer.Access;
            List<FindingPart> parts = [];
            if (machine.SpaceOf(access.Space).Find(access.Address) is { } map)
                parts.Add(new FindingPart("mapped", map.Mapped));
            if (device.LastDoorbell is ({ } doorbell, var call))
                parts.Add(new FindingPart(
                    Text($"started by a write to BAR{doorbell.Bar}+{DiagnosticsJson.Hex(doorbell.Offset)}"), call));
            report(new Finding
            {
                Kind = CheckKind.StoreInFlight,
                What = Text($"{access.Length} bytes at IOVA {DiagnosticsJson.Hex(access.Iova.Value)} changed between ")
                    + $"the read by {device.Name} and its next sign of being done",
                Process = device.Process,
                Place = new FindingPlace(device.Name, access.Pasid?.Value, access.Iova.Value),
                Parts = parts,
                Hint = "Leave a buffer alone from the doorbell until the device is done with it.",
                Subject = (device, access.Iova),
            });
        }

        given.Clear();
    }

    /// <summary>A hash of the bytes that an access reached; null if they cannot be read here.</summary>
    private int? HashOf(SeenAccess access)
    {
        if (machine.SpaceOf(access.Space).Find(access.Address) is not { } map || access.Last > map.Range.Last)
            return null;
        // The mapping is there: whoever takes it out tells it before, and waits for the checker's lock.
        byte[] bytes = new byte[access.Length];
        ulong address = map.Address + (access.Address - map.Range.First);
        bool isRead = map.Source.Target switch
        {
            AddressSpace process => process.TryRead(new Hva(address), bytes),
            IHeldFile file => TryRead(file, address, bytes),
            MemoryBacking memory => memory.TryRead(unchecked(address - memory.AlignmentHint), bytes),
            _ => false,
        };
        if (!isRead) return null;
        var hash = new HashCode();
        hash.AddBytes(bytes);
        return hash.ToHashCode();
    }

    private static bool TryRead(IHeldFile file, ulong offset, byte[] bytes)
    {
        HostMemory.Read((nint)offset + file.Shift, bytes);
        return true;
    }

    /// <summary>A buffer that a device has read, and what was in it.</summary>
    private sealed record GivenBuffer(SeenAccess Access, int Hash);
}
