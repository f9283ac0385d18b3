using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Memory;
using Ioasis.Tests.Units.Vtd;
using Ioasis.Units.Vtd;
using Ioasis.Units.Vtd.Nested;

namespace Ioasis.Tests.Core;

/// <summary>
/// What a device does all the time allocates nothing: hits, misses, walks of a guest's tables, invalidations.
/// </summary>
public sealed class AllocationTests
{
    private const ulong Page = 4096;
    private const int Pages = 600; // more than a port's IOTLB keeps

    [Theory]
    [InlineData(1)] // hits
    [InlineData(Pages)] // misses
    public void ReadsAndWritesOfMappedMemory(int pages)
    {
        var bench = new DmaBench();
        Endpoint endpoint = bench.NewEndpoint();
        PagingDomain domain = bench.NewDomain();
        endpoint.Attach(null, domain);
        for (ulong i = 0; i < (ulong)pages; i++) bench.Map(domain, (i + 1) * Page, Page, 1);
        using DmaPort port = endpoint.OpenPort();
        byte[] bytes = new byte[64];
        Allocation.None(() =>
        {
            for (ulong i = 0; i < (ulong)pages; i++)
            {
                Assert.True(port.Read(new Iova((i + 1) * Page), bytes).IsOk);
                Assert.True(port.Write(new Iova((i + 1) * Page), bytes).IsOk);
            }
        });
    }

    [Fact]
    public void AnAccessOverManyMappings()
    {
        var bench = new DmaBench();
        Endpoint endpoint = bench.NewEndpoint();
        PagingDomain domain = bench.NewDomain();
        endpoint.Attach(null, domain);
        for (ulong i = 1; i <= 8; i++) bench.Map(domain, i * Page, Page, 1);
        using DmaPort port = endpoint.OpenPort();
        byte[] bytes = new byte[8 * Page];
        Allocation.None(() => Assert.True(port.Read(new Iova(Page), bytes).IsOk));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(0, 16)]
    [InlineData(16, 16)]
    public void NestedWalksAndInvalidations(int translations, int structures)
    {
        const int pages = 64;
        var bench = new NestedBench(new VtdFeatures { IotlbEntries = translations, StructureEntries = structures });
        for (ulong level = 0; level < 3; level++) bench.Write(level * Page, ((level + 1) * Page) | NestedBench.All);
        for (ulong i = 0; i < pages; i++) bench.Write((3 * Page) + (i * 8), ((16 + i) * Page) | NestedBench.All);
        VtdNestedDomain domain = bench.NewDomain();
        Endpoint endpoint = bench.NewEndpoint();
        endpoint.Attach(null, domain);
        using DmaPort port = endpoint.OpenPort();
        byte[] bytes = new byte[64];
        Allocation.None(() =>
        {
            for (ulong i = 0; i < pages; i++)
            {
                Assert.True(port.Read(new Iova(i * Page), bytes).IsOk);
                Assert.True(port.Write(new Iova(i * Page), bytes).IsOk);
            }

            domain.OnDetached(endpoint, null);
            bench.Parent.Mappings.Flush();
        });
    }
}
