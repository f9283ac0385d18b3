using Ioasis.Core;
using Ioasis.Core.Dma;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Core.Pasids;
using Ioasis.Memory;
using Ioasis.Units.Vtd;

namespace Ioasis.Tests.Core;

public sealed class ProcessBindingsTests
{
    private readonly PasidSpace _space = new();
    private readonly PasidOwner _owner = new() { Quota = 2 };
    private readonly ProcessBindings _driver;
    private int _devices;

    public ProcessBindingsTests() => _driver = new ProcessBindings(_space, _owner);

    [Fact]
    public void DevicesBehindDifferentUnitsShareAProcesssOnePasid()
    {
        var process = new OwnAddressSpace();
        HostBlock memory = process.Allocate(0x2000);
        Endpoint[] devices = [NewDevice(), NewDevice()];
        foreach (Endpoint device in devices)
        {
            Assert.Equal(IommuStatus.Ok, _driver.BindDevice(device, process, out Pasid pasid));
            Assert.Equal(1u, pasid.Value);
            using DmaPort port = device.OpenPort();
            byte[] data = [1, 2, 3];
            Assert.True(port.Write(pasid, new Iova((ulong)memory.Address + 0xfff), data).IsOk);
            byte[] back = new byte[3];
            Assert.True(port.Read(pasid, new Iova((ulong)memory.Address + 0xfff), back).IsOk);
            Assert.Equal(data, back);
            Assert.Equal(FaultReason.NotMapped, port.Read(pasid, new Iova(0x10), back).Reason);
            Assert.Equal(FaultReason.BeyondAddressWidth, port.Read(pasid, new Iova(1UL << 47), back).Reason);
        }

        Assert.Equal(1, _driver.Count);
        process.Free(memory);
    }

    [Fact]
    public void TheLastUnbindEndsItAndGivesThePasidBack()
    {
        var process = new OwnAddressSpace();
        HostBlock memory = process.Allocate(0x1000);
        Endpoint device = NewDevice();
        using DmaPort port = device.OpenPort();
        for (int i = 0; i < 3; i++) Assert.Equal(IommuStatus.Ok, _driver.BindDevice(device, process, out _));
        var pasid = new Pasid(1);
        for (int i = 0; i < 3; i++)
        {
            Assert.True(port.Read(pasid, new Iova((ulong)memory.Address), new byte[8]).IsOk);
            _driver.UnbindDevice(device, pasid);
        }

        Assert.Equal(FaultReason.NotAttached, port.Read(pasid, new Iova((ulong)memory.Address), new byte[8]).Reason);
        Assert.Throws<ArgumentException>(() => _driver.UnbindDevice(device, pasid));
        Assert.Equal((0, 0, 0), (_driver.Count, _owner.Count, _space.Count));
        process.Free(memory);
    }

    [Fact]
    public void WhatCannotBeBoundIsRefusedAndChangesNothing()
    {
        Endpoint device = NewDevice(), without = NewDevice(pasidBits: 0), narrow = NewDevice(pasidBits: 1);
        Assert.Equal(IommuStatus.NotSupported, _driver.BindDevice(without, new OwnAddressSpace(), out _));
        var first = new OwnAddressSpace();
        var second = new OwnAddressSpace();
        Assert.Equal(IommuStatus.Ok, _driver.BindDevice(device, first, out _));
        Assert.Equal(IommuStatus.Ok, _driver.BindDevice(device, second, out Pasid two));
        Assert.Equal(2u, two.Value);
        Assert.Equal(IommuStatus.Invalid, _driver.BindDevice(narrow, second, out _)); // PASID 2 has two bits
        Assert.Equal(IommuStatus.NoMemory, _driver.BindDevice(device, new OwnAddressSpace(), out _));
        Assert.Equal((2, 2, 2), (_driver.Count, _owner.Count, _space.Count));

        // A PASID that a program attached to that device by its own choice is not taken from it.
        Endpoint taken = NewDevice();
        var other = new ProcessBindings(new PasidSpace(), new PasidOwner());
        Assert.Equal(IommuStatus.Ok, other.BindDevice(taken, new OwnAddressSpace(), out _));
        Assert.Equal(IommuStatus.Busy, _driver.BindDevice(taken, first, out _));
        Assert.Equal((2, 2, 2), (_driver.Count, _owner.Count, _space.Count));
    }

    [Fact]
    public async Task ThreadsThatBindAndUnbindNeverReachAProcessThatIsNotBound()
    {
        const int rounds = 300;
        OwnAddressSpace[] processes = [new(), new()];
        HostBlock[] memory = [.. processes.Select((p, i) => p.Allocate(0x1000))];
        for (int i = 0; i < 2; i++) memory[i].Write(0, (ulong)i + 1);
        var wide = new ProcessBindings(_space, new PasidOwner());
        Task[] threads = [.. Enumerable.Range(0, 2).Select(t => Task.Run(() =>
        {
            Endpoint device = NewDevice();
            using DmaPort port = device.OpenPort();
            for (int i = 0; i < rounds; i++)
            {
                int which = (i + t) % 2;
                Assert.Equal(IommuStatus.Ok, wide.BindDevice(device, processes[which], out Pasid pasid));
                byte[] data = new byte[8];
                Assert.True(port.Read(pasid, new Iova((ulong)memory[which].Address), data).IsOk);
                Assert.Equal((ulong)which + 1, BitConverter.ToUInt64(data));
                wide.UnbindDevice(device, pasid);
                Assert.Equal(FaultReason.NotAttached,
                    port.Read(pasid, new Iova((ulong)memory[which].Address), data).Reason);
            }
        }, TestContext.Current.CancellationToken))];
        await Task.WhenAll(threads);
        Assert.Equal((0, 0), (wide.Count, _space.Count));
        for (int i = 0; i < 2; i++) processes[i].Free(memory[i]);
    }

    private Endpoint NewDevice(int pasidBits = 20)
    {
        int number = Interlocked.Increment(ref _devices);
        return new Endpoint(new RequesterId(0, 0, (byte)number, 0), new VtdUnit($"dmar{number}", new VtdFeatures()),
            new IommuGroup(number))
        {
            Features = new EndpointFeatures { PasidBits = pasidBits },
        };
    }
}
