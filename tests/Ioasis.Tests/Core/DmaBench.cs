using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Memory;

namespace Ioasis.Tests.Core;

/// <summary>A unit, endpoints behind it, tables, and memory to map.</summary>
internal sealed class DmaBench
{
    internal const ulong Page = 4096;
    private int _slots;

    internal TestUnit Unit { get; init; } = new();

    internal OwnAddressSpace Memory { get; } = new();

    /// <summary>What the endpoints can do.</summary>
    internal EndpointFeatures Features { get; init; } = new() { PasidBits = 20, Ats = true, PageRequests = 32 };

    internal Endpoint NewEndpoint() =>
        new(new RequesterId(0, 0, (byte)_slots, 0), Unit, new IommuGroup(_slots++))
        {
            Features = Features
        };

    internal PagingDomain NewDomain(ulong pageSize = Page) =>
        new(Unit, new MappingTable(pageSize), PagingDomainOptions.Pasid);

    /// <summary>Maps fresh memory, every byte of it <paramref name="fill"/>.</summary>
    internal (IovaRange Range, HostBlock Block) Map(
        PagingDomain domain, ulong iova, ulong length, byte fill, MapAccess access = MapAccess.ReadWrite)
    {
        HostBlock block = Memory.Allocate(length);
        byte[] bytes = new byte[length];
        bytes.AsSpan().Fill(fill);
        block.CopyFrom(0, bytes);
        MemoryBacking backing = Memory.Reference(new Hva((ulong)block.Address), length, writable: true);
        Assert.True(backing.TryPopulate());
        var range = new IovaRange(iova, iova + length - 1);
        domain.Mappings.Map(range, backing, 0, access);
        return (range, block);
    }
}
