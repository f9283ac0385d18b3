using Ioasis.Core;
using Ioasis.Core.Dma;
using Ioasis.Core.DmaApi;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Pasids;
using Ioasis.Memory;

namespace Ioasis.Tests.DmaApi;

/// <summary>A PASID that is equivalent to the requester ID, and the direct map.</summary>
public sealed class SystemPasidTests
{
    private const ulong Page = 4096;
    private readonly PasidSpace _space = new();
    private readonly PasidOwner _account = new();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void BothSeeEveryMappingAndLoseItTogether(bool ats)
    {
        using var bench = new DmaDeviceBench();
        using DmaPort port = bench.Endpoint.OpenPort(translations: ats ? 16 : 0);
        port.UsesDeviceTlb = ats;
        Assert.Equal(ats, port.UsesDeviceTlb);
        var pasids = new SystemPasids(_space, _account);
        Assert.Equal(IommuStatus.Ok, pasids.Acquire(bench.Endpoint, this, out SystemPasid? pasid));
        using DmaMemory memory = bench.Domain.AllocateMemory(Page);
        for (byte round = 1; round < 10; round++)
        {
            memory.Bytes.Write(0, round);
            Assert.Equal(IommuStatus.Ok, bench.Device.Map(memory, DmaDirection.ToDevice, out DmaMapping mapping));
            Iova at = mapping.Address;
            var byRid = new byte[1];
            var byPasid = new byte[1];
            Assert.True(port.Read(at, byRid).IsOk && port.Read(pasid!.Value, at, byPasid).IsOk);
            Assert.Equal((round, round), (byRid[0], byPasid[0]));
            mapping.Dispose();
            Assert.False(port.Read(at, byRid).IsOk);
            Assert.False(port.Read(pasid.Value, at, byPasid).IsOk);
        }

        pasid!.Dispose();
    }

    [Fact]
    public void ItIsTheSameEachTimeAndGoesWithTheLast()
    {
        using var bench = new DmaDeviceBench();
        var pasids = new SystemPasids(_space, _account);
        Assert.Equal(IommuStatus.Ok, pasids.Acquire(bench.Endpoint, this, out SystemPasid? first));
        Assert.Equal(IommuStatus.Ok, pasids.Acquire(bench.Endpoint, this, out SystemPasid? second));
        Assert.Equal(first!.Value, second!.Value);
        Assert.Equal(1, _account.Count);

        // The domain cannot be changed below it, and no program gets the device.
        Assert.Equal(IommuStatus.Busy, bench.Endpoint.Group.SetDefaultDomain(bench.Bench.NewDomain()));
        Assert.Equal(IommuStatus.Busy, bench.Endpoint.Group.Claim(new object(), out _));
        first.Dispose();
        first.Dispose();
        Assert.NotNull(bench.Endpoint.AttachedTo(second.Value));
        second.Dispose();
        Assert.Null(bench.Endpoint.AttachedTo(second.Value));
        Assert.Equal(0, _account.Count);
        Assert.False(bench.Endpoint.Group.IsClaimed);
    }

    [Fact]
    public void ItIsRefusedWhereThereIsNothingToBeEquivalentTo()
    {
        var bench = new DmaDeviceBench();
        var pasids = new SystemPasids(_space, _account);
        Assert.Equal(IommuStatus.Ok, bench.Endpoint.Group.Claim(this, out GroupClaim? program));
        Assert.Equal(IommuStatus.Busy, pasids.Acquire(bench.Endpoint, new object(), out _));
        program!.Dispose();
        Assert.Equal(IommuStatus.Ok, bench.Endpoint.Group.SetDefaultDomain(null));
        Assert.Equal(IommuStatus.NotPermitted, pasids.Acquire(bench.Endpoint, this, out _));
        var plain = new Endpoint(new RequesterId(0, 0, 9, 0), bench.Bench.Unit, new IommuGroup(99));
        Assert.Equal(IommuStatus.NotSupported, pasids.Acquire(plain, this, out _));
        Assert.Equal(0, _account.Count);
        Assert.False(bench.Endpoint.Group.IsClaimed);
        bench.Dispose();
    }

    [Fact]
    public void TheDirectMapReachesAllMemoryOfDriversAndIsTakenBackAsAWhole()
    {
        using var bench = new DmaDeviceBench();
        var memory = new OwnAddressSpace();
        HostBlock block = memory.Allocate(Page);
        block.Write(4, (byte)5);
        var at = new Iova((ulong)block.Address + 4);
        Assert.Equal(IommuStatus.Ok, UnprotectedDirectMap.Attach(
            bench.Endpoint, this, memory, _space, _account, out UnprotectedDirectMap? map));
        var bytes = new byte[1];
        Assert.True(bench.Port.Read(map!.Pasid, at, bytes).IsOk);
        Assert.Equal(5, bytes[0]);
        Assert.False(bench.Port.Read(at, bytes).IsOk); // the requester ID has the domain of the DMA API
        using DmaMemory other = bench.Domain.AllocateMemory(Page);
        Assert.Equal(IommuStatus.Ok, bench.Device.Map(other, DmaDirection.ToDevice, out DmaMapping mapping));
        Assert.False(bench.Port.Read(map.Pasid, mapping.Address, bytes).IsOk);
        mapping.Dispose();
        map.Dispose();
        Assert.False(bench.Port.Read(map.Pasid, at, bytes).IsOk);
        Assert.Equal(0, _account.Count);

        Assert.Equal(IommuStatus.Ok, bench.Endpoint.Group.Claim(this, out GroupClaim? program));
        Assert.Equal(IommuStatus.Busy, UnprotectedDirectMap.Attach(
            bench.Endpoint, new object(), memory, _space, _account, out _));
        program!.Dispose();
        var outside = new Endpoint(new RequesterId(0, 0, 9, 0), bench.Bench.Unit, new IommuGroup(99))
        {
            IsUntrusted = true,
            Features = bench.Bench.Features,
        };
        Assert.Equal(IommuStatus.NotPermitted, UnprotectedDirectMap.Attach(
            outside, this, memory, _space, _account, out _));
    }
}
