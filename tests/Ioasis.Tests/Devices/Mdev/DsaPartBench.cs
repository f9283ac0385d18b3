using System.Runtime.InteropServices;
using Ioasis.Core;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.PageRequests;
using Ioasis.Devices;
using Ioasis.Devices.Dsa;
using Ioasis.Memory;

namespace Ioasis.Tests.Devices.Mdev;

/// <summary>A DSA whose two highest queues are for mdevs.</summary>
internal sealed class DsaParentBench : IDisposable
{
    private readonly DsaDevice _device = new(new DsaOptions { Mdevs = 2 });

    internal DsaParentBench() => Slots = new SlotBench(_device, attached: false);

    internal SlotBench Slots { get; }

    internal MdevType Dedicated => _device.MdevTypes[0];

    internal MdevType Shared => _device.MdevTypes[1];

    public void Dispose() => Slots.Dispose();
}

/// <summary>A part of a DSA, driven as its driver would, with memory at <see cref="Base"/>.</summary>
internal sealed class DsaPartBench : IDisposable, IPageRequestHandler
{
    internal const ulong Base = 0x100000;
    internal const int Size = 0x4000;

    /// <summary>Where nothing is mapped.</summary>
    internal const ulong Hole = 0xa00000;

    private const ulong Records = Base + Size - 0x1000;
    private readonly PciMdev _mdev;
    private readonly List<PageRequestGroup> _asked = [];

    internal DsaPartBench(DsaParentBench parent, uint hidden, bool isShared, byte fill = 0)
    {
        MdevType type = isShared ? parent.Shared : parent.Dedicated;
        Assert.Equal(MdevStatus.Ok, type.Create(Guid.Empty, out Ioasis.Devices.Mdev? mdev));
        _mdev = (PciMdev)mdev!;
        PciFunction function = _mdev.Model.Function;
        Slots = new SlotBench(_mdev.Model, parent.Slots, new Pasid(hidden), new EndpointFeatures
        {
            PasidBits = function.PasidBits,
            PasidPrivileged = function.PasidPrivileged,
            Ats = function.HasAts,
            PageRequests = function.PageRequests,
        });
        (_, Memory) = Slots.Map(Base, Size, fill);
    }

    internal SlotBench Slots { get; }

    internal HostBlock Memory { get; }

    internal ulong SoftwareError => Slots.Slot.Read(0, 0xc0, 8);

    internal uint State => (uint)Slots.Slot.Read(0, 0x90, 4);

    internal uint QueueState => (uint)Slots.Slot.Read(0, 0x518, 4);

    /// <summary>Page requests that came and were not answered by us.</summary>
    internal int Asked { get { lock (_asked) return _asked.Count; } }

    public void Dispose()
    {
        Slots.Dispose();
        _mdev.Remove();
    }

    public void Handle(PageRequestGroup group)
    {
        lock (_asked) _asked.Add(group);
    }

    public void Detached(Attachment attachment)
    {
        lock (_asked) foreach (PageRequestGroup group in _asked) group.Respond(PageResponse.Invalid);
    }

    /// <summary>Enables the device and its queue, for PASIDs of submitters if the queue is shared and it is so asked.
    /// </summary>
    internal DsaPartBench Started(bool withPasids = false)
    {
        if (withPasids) Slots.Slot.Write(0, 0x508, 4, 1u << 28);
        Assert.Equal(0u, Do(DsaCommand.EnableDevice));
        Assert.Equal(0u, Do(DsaCommand.EnableWq));
        return this;
    }

    /// <summary>Attaches a number of the program's to memory of its own at <see cref="Base"/>.</summary>
    internal HostBlock Attach(uint number, uint host, byte fill = 0)
    {
        PagingDomain domain = Slots.NewDomain();
        domain.PageRequests = this;
        Assert.Equal(IommuStatus.Ok,
            Slots.Part!.Attach(new Pasid(number), new Pasid(host), domain, null, out Attachment? attachment));
        Attachments[number] = attachment!;
        (_, HostBlock block) = Slots.Map(domain, Base, fill, Size);
        return block;
    }

    internal Dictionary<uint, Attachment> Attachments { get; } = [];

    internal uint Do(DsaCommand command, uint operand = 0)
    {
        Start(command, operand);
        SlotBench.Until(() => Slots.Slot.Read(0, 0xa8, 4) >> 31 == 0);
        return (uint)Slots.Slot.Read(0, 0xa8, 4);
    }

    internal void Start(DsaCommand command, uint operand = 0) =>
        Slots.Slot.Write(0, 0xa0, 4, ((uint)command << 20) | operand);

    internal bool Submit(in DsaDescriptor descriptor, bool limited = false) =>
        Slots.Slot.Submit(2, limited ? 0x1000ul : 0,
            MemoryMarshal.AsBytes(new ReadOnlySpan<DsaDescriptor>(in descriptor)));

    internal static DsaDescriptor New(
        DsaOpcode opcode, int record = 0, DsaFlags flags = DsaFlags.None, uint pasid = 0) => new()
        {
            Requester = pasid,
            FlagsAndOpcode = ((uint)opcode << 24)
                | (uint)(DsaFlags.CompletionAddressValid | DsaFlags.RequestCompletion | flags),
            CompletionAddr = Records + ((uint)record * DsaCompletionRecord.Size),
        };

    /// <summary>A copy within the memory, from its first page to its second.</summary>
    internal static DsaDescriptor Move(uint pasid = 0, int record = 0) =>
        New(DsaOpcode.Memmove, record, pasid: pasid) with { SrcAddr = Base, DstAddr = Base + 0x1000, XferSize = 64 };

    /// <summary>A descriptor that keeps the engine waiting for a page that nobody brings.</summary>
    internal static DsaDescriptor Holding(uint pasid) =>
        New(DsaOpcode.Memfill, 9, DsaFlags.BlockOnFault, pasid) with { DstAddr = Hole, XferSize = 8 };

    /// <summary>Holds the engine.</summary>
    internal void Hold(uint pasid)
    {
        int before = Asked;
        Assert.True(Submit(Holding(pasid)));
        SlotBench.Until(() => Asked == before + 1);
    }

    internal DsaCompletionRecord Wait(HostBlock memory, int record = 0)
    {
        ulong at = Records - Base + ((ulong)record * DsaCompletionRecord.Size);
        SlotBench.Until(() => memory.Read<byte>(at) != 0);
        Span<byte> bytes = stackalloc byte[DsaCompletionRecord.Size];
        memory.CopyTo(at, bytes);
        memory.CopyFrom(at, new byte[DsaCompletionRecord.Size]);
        return MemoryMarshal.Read<DsaCompletionRecord>(bytes);
    }

    internal DsaStatus Run(in DsaDescriptor descriptor, HostBlock? memory = null)
    {
        Assert.True(Submit(in descriptor));
        return (DsaStatus)Wait(memory ?? Memory).Status;
    }

    /// <summary>Submits a descriptor whose record cannot be written; what the error register says.</summary>
    internal DsaStatus Fail(in DsaDescriptor descriptor)
    {
        Assert.True(Submit(in descriptor));
        SlotBench.Until(() => (SoftwareError & 1) != 0);
        var status = (DsaStatus)(byte)(SoftwareError >> 8);
        Slots.Slot.Write(0, 0xc0, 8, 3);
        return status;
    }

    internal static byte[] Bytes(HostBlock memory, ulong at)
    {
        byte[] bytes = new byte[64];
        memory.CopyTo(at, bytes);
        return bytes;
    }
}
