using System.Diagnostics;
using Ioasis.Abi;
using Ioasis.Core.Domains;
using Ioasis.Iommufd.Files;
using Ioasis.Memory;
using Ioasis.Memory.Threads;

namespace Ioasis.Iommufd.Mapping;

/// <summary>
/// A dma-buf that areas map. Its exporter can revoke it at any time. After that no device reaches it through these
/// areas. As on Linux (iopt_revoke_notify), the areas stay but never work again.
/// </summary>
internal sealed class DmaBufPages : Pages
{
    // Guards _entered, which maps each translating area to its table; these areas' IsEntered; and the setting of
    // _revocation. Taken after an IoPageTable's lock and the exporter's. A mapping table's lock is taken within it.
    private readonly RankedLock _lock;
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
            return Errno.EINVAL.Because(
                $"bytes 0x{start:x} to 0x{start + length - 1:x} are not within the dma-buf's 0x{file.Length:x} bytes");
        var revocation = new Revocation();
        Errno errno = file.Attach(revocation, out IDmaBufAttachment? attachment);
        if (errno != Errno.None) return errno;
        Debug.Assert(attachment is not null, "an attachment was promised");
        var backing = new DmaBufBacking(attachment, start, length, writable);
        pages = new DmaBufPages(backing, owner with { Accounting = PinAccounting.None }, revocation);
        return Errno.None;
    }

    /// <summary>Pins nothing: the exporter decides whether it moves.</summary>
    internal override Errno Pin(Area area) => area.Access == MapAccess.None
        ? Errno.EINVAL.Because("a mapping in an IOMMU's page table must be readable or writable")
        : Errno.None;

    internal override void Unpin(Area area)
    {
    }

    internal override void Enter(Area area, MappingTable mappings)
    {
        using (_lock.Enter())
        {
            if (_revocation.HasCome) return;
            base.Enter(area, mappings);
            _entered.Add(area, mappings);
        }
    }

    /// <summary>Takes an area out of the table that it is in, if any.</summary>
    internal void Leave(Area area)
    {
        using (_lock.Enter())
            if (_entered.Remove(area, out MappingTable? mappings)) Revocation.Unmap(area, mappings);
    }

    /// <summary>Receives the exporter's notifications, possibly before anything else exists.</summary>
    private sealed class Revocation : IDmaBufImporter
    {
        internal RankedLock Lock { get; } = new(LockRank.DmaBufPages);

        internal Dictionary<Area, MappingTable> Entered { get; } = [];

        internal bool HasCome { get; private set; }

        public void InvalidateMappings()
        {
            using (Lock.Enter())
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
