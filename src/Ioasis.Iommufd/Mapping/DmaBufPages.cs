using System.Diagnostics;
using Ioasis.Abi;
using Ioasis.Core.Domains;
using Ioasis.Iommufd.Files;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Mapping;

/// <summary>
/// A dma-buf as areas map it. Its exporter can revoke it at any time: then no device reaches it through these areas any
/// more, which stay where they are and never come back to life, as on Linux (iopt_revoke_notify).
/// </summary>
internal sealed class DmaBufPages : Pages
{
    // Of the areas that translate, by the table that they stand in. Guards also these areas' IsEntered, and _revocation
    // is set within it. Taken after an IoPageTable's lock and the exporter's; a mapping table's lock is taken within
    // it.
    private readonly Lock _lock;
    private readonly Dictionary<Area, MappingTable> _entered;
    private readonly Revocation _revocation;

    private DmaBufPages(MemoryBacking backing, PinOwner owner, Revocation revocation) : base(backing, owner)
    {
        (_lock, _entered, _revocation) = (revocation.Lock, revocation.Entered, revocation);
    }

    internal override bool IsDmaBuf => true;

    /// <summary>Attaches to a dma-buf (Linux: iopt_alloc_dmabuf_pages). Start and length do not overflow.</summary>
    internal static Errno TryCreate(
        IDmaBuf file, ulong start, ulong length, bool writable, PinOwner owner, out Pages? pages)
    {
        pages = null;
        if (file.Length <= start + length - 1 || length / IoPageTable.HostPageSize >= uint.MaxValue)
            return Errno.EINVAL;
        var revocation = new Revocation();
        Errno errno = file.Attach(revocation, out IDmaBufAttachment? attachment);
        if (errno != Errno.None) return errno;
        Debug.Assert(attachment is not null, "an attachment was promised");
        var backing = new DmaBufBacking(attachment, start, length, writable);
        pages = new DmaBufPages(backing, owner with { Accounting = PinAccounting.None }, revocation);
        return Errno.None;
    }

    /// <summary>Nothing of it is pinned: its exporter moves it or not.</summary>
    internal override Errno Pin(Area area) => area.Access == MapAccess.None ? Errno.EINVAL : Errno.None;

    internal override void Unpin(Area area)
    {
    }

    internal override void Enter(Area area, MappingTable mappings)
    {
        lock (_lock)
        {
            if (_revocation.HasCome) return;
            base.Enter(area, mappings);
            _entered.Add(area, mappings);
        }
    }

    /// <summary>Takes an area out of the table that it stands in, if it does.</summary>
    internal void Leave(Area area)
    {
        lock (_lock)
            if (_entered.Remove(area, out MappingTable? mappings)) Revocation.Unmap(area, mappings);
    }

    /// <summary>What the exporter tells, which it may do before there is anything else.</summary>
    private sealed class Revocation : IDmaBufImporter
    {
        internal Lock Lock { get; } = new();

        internal Dictionary<Area, MappingTable> Entered { get; } = [];

        internal bool HasCome { get; private set; }

        public void InvalidateMappings()
        {
            lock (Lock)
            {
                HasCome = true;
                foreach ((Area area, MappingTable mappings) in Entered) Unmap(area, mappings);
                Entered.Clear();
            }
        }

        internal static void Unmap(Area area, MappingTable mappings)
        {
            mappings.Unmap(area.Range);
            area.IsEntered = false;
        }
    }
}
