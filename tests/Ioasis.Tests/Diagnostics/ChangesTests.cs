using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Core.Domains;
using Ioasis.Core.Observation;
using Ioasis.Host.Control;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Memory;

namespace Ioasis.Tests.Diagnostics;

/// <summary>A page learns that something happened, and how much, without a line for each event.</summary>
public sealed class ChangesTests : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);
    private static readonly RequesterId s_function = new(0x1000, 0, 4, 0); // a dmatest

    private readonly SoftwareMachine _machine = SoftwareMachine.Create(MachineDescription.Default);
    private readonly NodeTransport _nodes;
    private readonly IControlStream _stream;
    private readonly List<byte[]> _lines = [];

    public ChangesTests()
    {
        var answers = new ControlAnswers(_machine, 7, ["program"]);
        _nodes = NodeTransport.InProcess(_machine);
        _stream = answers.Subscribe(
            JsonSerializer.SerializeToUtf8Bytes(new ControlRequest("subscribe", Kinds: "changes")))!;
    }

    public void Dispose()
    {
        _stream.Dispose();
        _nodes.Dispose();
        _machine.Dispose();
    }

    [Fact]
    public void TheFirstLineTellsWhatThereIs()
    {
        JsonNode first = Next();
        Assert.Equal("changes", (string)first["event"]!);
        Assert.Equal((0, 0L, true, true),
            ((int)first["maps"]!, (long)first["mappedBytes"]!, (bool)first["state"]!, (bool)first["faults"]!));
        Assert.All(first["counts"]!.AsObject(), c => Assert.Equal(0, (long)c.Value!));
    }

    [Fact]
    public void CallsAndMapsAreCountedAndSummedUp()
    {
        Next();
        using IommuContext iommu = IommuContext.Open(_nodes);
        using Ioas ioas = iommu.AllocateIoas();
        using UserMemory memory = _nodes.Allocate(8192);
        for (ulong i = 0; i < 100; i++) ioas.Map(memory, MapAccess.Read, new Iova(i * 0x10000));
        ioas.Unmap(new Iova(0), 8192);
        JsonNode change = Until(c => (long)c["counts"]!["unmap"]! == 1);
        JsonNode counts = change["counts"]!;
        Assert.Equal((100L, 102L, 1L),
            ((long)counts["map"]!, (long)counts["call"]!, (long)counts["open"]!)); // 1 to allocate, 1 to unmap
        Assert.Equal((99, 99 * 8192L), ((int)change["maps"]!, (long)change["mappedBytes"]!));
    }

    [Fact]
    public void OnlyWhatChangedIsSaidToHave()
    {
        using IommuContext iommu = IommuContext.Open(_nodes);
        using VfioDevice device = VfioDevice.Open(_nodes, s_function);
        device.Bind(iommu);
        using Ioas ioas = iommu.AllocateIoas();
        device.Attach(ioas);
        device.EnableBusMaster();
        VfioRegion registers = device.GetRegion(0);
        Next(); // tells all of that
        var nothing = new IommuDestroy { Size = 8, Id = 999 }; // a call that changes nothing
        Assert.Equal(Errno.ENOENT, iommu.TryIoctl(IommufdH.IOMMU_DESTROY, ref nothing).Errno);
        JsonNode read = Until(c => !(bool)c["state"]!);
        Assert.False((bool)read["faults"]!);
        registers.Write(0x00, 0x7000UL); // an address that is not mapped
        registers.Write(0x10, 8u);
        registers.Write(0x08, 3u);
        Until(c => (bool)c["faults"]! && (long)c["counts"]!["io_page_fault"]! == 1);
        using Ioas another = iommu.AllocateIoas(); // no event tells of an object that is made
        Until(c => (bool)c["state"]!);
    }

    [Fact]
    public void WhatDevicesAccessIsCountedSinceTheSubscriptionBegan()
    {
        using IommuContext iommu = IommuContext.Open(_nodes);
        using VfioDevice device = VfioDevice.Open(_nodes, s_function);
        device.Bind(iommu);
        using Ioas ioas = iommu.AllocateIoas();
        using UserMemory memory = _nodes.Allocate(4096);
        ioas.Map(memory, MapAccess.ReadWrite, new Iova(0x7000));
        device.Attach(ioas);
        device.EnableBusMaster();
        VfioRegion registers = device.GetRegion(0);
        registers.Write(0x00, 0x7000UL);
        registers.Write(0x10, 256u);
        registers.Write(0x08, 3u);
        JsonNode once = Until(c => (long)c["dmaBytes"]! == 256);
        Assert.Equal(1, (long)once["iotlbHits"]! + (long)once["iotlbMisses"]!);
        IControlStream later = new ControlAnswers(_machine, 8, ["program"]).Subscribe(
            JsonSerializer.SerializeToUtf8Bytes(new ControlRequest("subscribe", Kinds: "changes")))!;
        using (later)
        {
            _lines.Clear();
            Assert.True(later.TryNext(s_patience, _lines));
            Assert.Equal(0, (long)JsonNode.Parse(Assert.Single(_lines))!["dmaBytes"]!);
        }

        // The bytes are counted before the device is ready for another command.
        Assert.True(SpinWait.SpinUntil(() => (registers.Read<uint>(0x08) & 1) == 0, s_patience));
        registers.Write(0x08, 3u);
        Until(c => (long)c["dmaBytes"]! == 512);
    }

    [Fact]
    public void NothingIsSaidWhileNothingHappens()
    {
        Next();
        for (int i = 0; i < 3; i++)
        {
            _lines.Clear();
            Assert.True(_stream.TryNext(TimeSpan.FromMilliseconds(1), _lines));
            Assert.Empty(_lines);
        }

        using IommuContext iommu = IommuContext.Open(_nodes); // and the next line is of what happens then
        Assert.Equal(1, (long)Next()["counts"]!["open"]!);
    }

    [Fact]
    public void TheLastChangesAreReadBeforeTheEnd()
    {
        Next();
        using (IommuContext.Open(_nodes))
        {
        }

        _stream.Close();
        _lines.Clear();
        Assert.False(_stream.TryNext(s_patience, _lines));
        Assert.Equal(1, (long)JsonNode.Parse(Assert.Single(_lines))!["counts"]!["close"]!);
    }

    [Fact]
    public void CallsAreNotToldForIt() => Assert.False(_machine.Observers.Want(EventKinds.Call));

    [Fact]
    public void CountingAllocatesNothing()
    {
        using IommuContext iommu = IommuContext.Open(_nodes);
        Observers observers = _machine.Observers;
        var space = new object();
        Tell(1000);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Tell(10_000);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Tell(int times)
        {
            for (int i = 0; i < times; i++)
            {
                observers.Tell(new UnmapEvent(observers.Stamp(), space, new IovaRange(0, 4095)));
                observers.Tell(new AnsweredEvent());
            }
        }
    }

    private JsonNode Next() => Until(_ => true);

    private JsonNode Until(Func<JsonNode, bool> wanted)
    {
        DateTime end = DateTime.UtcNow + s_patience;
        while (DateTime.UtcNow < end)
        {
            _lines.Clear();
            Assert.True(_stream.TryNext(s_patience, _lines));
            foreach (byte[] line in _lines)
                if (JsonNode.Parse(Encoding.UTF8.GetString(line)) is { } change && wanted(change)) return change;
        }

        throw new TimeoutException("no such change came");
    }
}
