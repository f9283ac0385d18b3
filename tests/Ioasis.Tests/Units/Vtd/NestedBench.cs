using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Core;
using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Units;
using Ioasis.Memory;
using Ioasis.PageTables.X64;
using Ioasis.Units.Vtd;
using Ioasis.Units.Vtd.Nested;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Tests.Units.Vtd;

/// <summary>A VT-d unit, a nest parent with a guest's memory, and first stages that the test writes by hand.</summary>
internal sealed class NestedBench
{
    internal const ulong Page = 4096, Root = 0;
    internal const ulong Present = X64Entry.PresentBit, All = Present | X64Entry.WriteBit | X64Entry.UserBit,
        ReadOnly = Present | X64Entry.UserBit;
    private readonly OwnAddressSpace _memory = new();
    private int _endpoints;

    internal NestedBench(VtdFeatures? features = null, ulong guestPages = 256)
    {
        Features = features ?? new VtdFeatures();
        Unit = new VtdUnit("dmar0", Features);
        Assert.Equal(IommuStatus.Ok, Unit.CreatePagingDomain(
            NewEndpoint(), PagingDomainOptions.NestParent | PagingDomainOptions.Pasid, null, new MappingTable(Page),
            out PagingDomain? parent));
        Parent = parent!;
        (GuestMapping, Guest) = MapGuest(0, guestPages * Page);
    }

    internal VtdFeatures Features { get; }

    internal VtdUnit Unit { get; }

    internal PagingDomain Parent { get; }

    /// <summary>The guest's memory from guest-physical address 0 on.</summary>
    internal HostBlock Guest { get; }

    /// <summary>Its mapping in the parent.</summary>
    internal IovaRange GuestMapping { get; }

    internal Endpoint NewEndpoint() =>
        new(new RequesterId(0, 0, (byte)_endpoints, 0), Unit, new IommuGroup(_endpoints++))
        {
            Features =
            new EndpointFeatures { PasidBits = 20, PageRequests = 32, Ats = true }
        };

    /// <summary>Gives the guest memory.</summary>
    internal (IovaRange Mapping, HostBlock Block) MapGuest(ulong gpa, ulong length, byte fill = 0)
    {
        HostBlock block = _memory.Allocate(length);
        byte[] bytes = new byte[length];
        bytes.AsSpan().Fill(fill);
        block.CopyFrom(0, bytes);
        MemoryBacking backing = _memory.Reference(new Hva((ulong)block.Address), length, writable: true);
        Assert.True(backing.TryPopulate());
        var range = new IovaRange(gpa, gpa + length - 1);
        Parent.Mappings.Map(range, backing, 0, MapAccess.ReadWrite);
        return (range, block);
    }

    internal void Free(HostBlock block) => _memory.Free(block);

    internal VtdNestedDomain NewDomain(ulong root = Root, uint flags = 0, uint width = 48)
    {
        var data = new TestData(new IommuHwptVtdS1 { Flags = flags, PgtblAddr = root, AddrWidth = width });
        Assert.Equal(IommuStatus.Ok,
            Unit.CreateNestedDomain(Parent, PagingDomainOptions.Pasid, data, out NestedDomain? domain));
        return (VtdNestedDomain)domain!;
    }

    internal void Write(ulong gpa, ulong entry) => Guest.Write(gpa, entry);

    internal ulong Read(ulong gpa) => Guest.Read<ulong>(gpa);

    /// <summary>Invalidates as the ioctl does.</summary>
    internal static void Invalidate(
        NestedDomain domain, ulong address = 0, ulong pages = ulong.MaxValue, bool leafOnly = false)
    {
        var entry = new IommuHwptVtdS1Invalidate
        {
            Addr = address,
            Npages = pages,
            Flags = leafOnly ? IOMMU_VTD_INV_FLAGS_LEAF : 0
        };
        Assert.Equal(IommuStatus.Ok, domain.Invalidate(new TestDataArray(entry), out int done));
        Assert.Equal(1, done);
    }

    /// <summary>What a device reads at an address, or why it cannot.</summary>
    internal static (bool Ok, ulong Value) Read(DmaPort port, ulong iova, Pasid? pasid = null)
    {
        Span<byte> bytes = stackalloc byte[8];
        DmaResult result = pasid is { } id ? port.Read(id, new Iova(iova), bytes) : port.Read(new Iova(iova), bytes);
        return (result.IsOk, MemoryMarshal.Read<ulong>(bytes));
    }

    private sealed class TestData(IommuHwptVtdS1 config) : UserData
    {
        public override uint Type => IOMMU_HWPT_DATA_VTD_S1;

        public override IommuStatus TryRead<T>(uint type, int minimum, out T value)
        {
            value = MemoryMarshal.Read<T>(MemoryMarshal.AsBytes(new ReadOnlySpan<IommuHwptVtdS1>(in config)));
            return IommuStatus.Ok;
        }

        public override IommuStatus TryWrite<T>(uint type, int minimum, in T value) => IommuStatus.Invalid;
    }

    private sealed class TestDataArray(params IommuHwptVtdS1Invalidate[] entries) : UserDataArray
    {
        public override uint Type => IOMMU_HWPT_INVALIDATE_DATA_VTD_S1;

        public override int Count => entries.Length;

        public override IommuStatus TryRead<T>(uint type, int minimum, int index, out T value)
        {
            value = MemoryMarshal.Read<T>(MemoryMarshal.AsBytes(entries.AsSpan(index, 1)));
            return IommuStatus.Ok;
        }

        public override IommuStatus TryReadAll<T>(uint type, Span<T> values) => IommuStatus.Invalid;
    }
}
