using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Client.Drivers;
using Ioasis.Core;
using Ioasis.Core.DmaApi;
using Ioasis.Core.Pasids;
using Ioasis.Memory;

namespace Ioasis.Tests.Drivers;

/// <summary>
/// The PASIDs of a driver's function: one that is equivalent to its requester ID, and one of a process. The function is
/// a dmatest, which sends any PASID.
/// </summary>
public sealed class DriverPasidTests
{
    private const string Device = $"dmatest@{FunctionRig.Address}";
    private const int Done = 1, Failed = 2;
    private const uint SendsPasid = 1u << 31;
    private const ulong Value = 0x1122334455667788;

    public static TheoryData<DriverHome, bool> Homes
    {
        get
        {
            var homes = new TheoryData<DriverHome, bool>();
            foreach (DriverHome home in Enum.GetValues<DriverHome>())
            {
                homes.Add(home, false);
                homes.Add(home, true);
            }

            return homes;
        }
    }

    [Theory, MemberData(nameof(Homes))]
    public void Both_see_each_map_and_lose_each_unmap(DriverHome home, bool ats)
    {
        using FunctionRig rig = NewRig(home);
        using var device = new TestDevice(rig.Function, ats);
        DmaDevice dma = rig.Function.Dma;
        Assert.Equal(IommuStatus.Ok, dma.AllocateCoherent(4096, out DmaBuffer? first)); // before there is a PASID
        first!.Bytes.Write(0, Value);
        Assert.Equal((Done, Value), device.Read(first.Address, null));

        Assert.Equal(IommuStatus.Ok, rig.Function.AcquireSystemPasid(out SystemPasid? pasid));
        Assert.NotEqual(0u, pasid!.Value.Value);
        Assert.Equal((Done, Value), device.Read(first.Address, pasid.Value));
        Assert.Equal((Done, Value), device.Read(first.Address, null));
        var bytes = new byte[8];
        for (ulong round = 1; round < 10; round++)
        {
            BitConverter.TryWriteBytes(bytes, round);
            Assert.Equal(IommuStatus.Ok, dma.Map(bytes.AsMemory(), DmaDirection.ToDevice, out DmaMapping mapping));
            Iova at = mapping.Address;
            Assert.Equal((Done, round), device.Read(at, pasid.Value));
            Assert.Equal((Done, round), device.Read(at, null));
            mapping.Dispose();
            if (home is DriverHome.HostIdentity) continue; // nothing is unmapped there
            dma.Space.Flush();
            Assert.Equal(Failed, device.Read(at, pasid.Value).Status);
            Assert.Equal(Failed, device.Read(at, null).Status);
        }

        pasid.Dispose();
        Assert.Equal(Failed, device.Read(first.Address, pasid.Value).Status);
        Assert.Equal((Done, Value), device.Read(first.Address, null));
        first.Dispose();
    }

    /// <summary>
    /// One channel writes without a PASID and another with it, without pause. What is written after an unmap has
    /// returned would be seen in memory.
    /// </summary>
    [Theory]
    [InlineData(DriverHome.Vfio, false)]
    [InlineData(DriverHome.Vfio, true)]
    [InlineData(DriverHome.Host, false)]
    [InlineData(DriverHome.Host, true)]
    public void No_write_with_or_without_the_pasid_comes_after_an_unmap(DriverHome home, bool ats)
    {
        using var rig = new FunctionRig(home, Device);
        using var device = new TestDevice(rig.Function, ats);
        DmaDevice dma = rig.Function.Dma;
        Assert.Equal(IommuStatus.Ok, rig.Function.AcquireSystemPasid(out SystemPasid? pasid));
        using DmaMemory memory = dma.Space.AllocateMemory(4096);
        for (int round = 0; round < 100; round++)
        {
            Assert.Equal(IommuStatus.Ok, dma.Map(memory, DmaDirection.FromDevice, out DmaMapping mapping));
            device.WriteWithoutEnd(0, mapping.Address, null);
            device.WriteWithoutEnd(1, new Iova(mapping.Address.Value + 64), pasid!.Value);
            Until.True(() => memory.Bytes.Read<ulong>(0) == Value && memory.Bytes.Read<ulong>(64) == Value);
            mapping.Dispose();
            memory.Bytes.Clear();
            for (int channel = 0; channel < 2; channel++) Assert.Equal(Failed, device.End(channel));
            for (ulong at = 0; at < 4096; at += 8) Assert.Equal(0UL, memory.Bytes.Read<ulong>(at));
        }

        pasid!.Dispose();
    }

    [Theory]
    [InlineData(DriverHome.Vfio)]
    [InlineData(DriverHome.Mdev)]
    [InlineData(DriverHome.Host)]
    public void It_is_the_same_each_time_and_goes_with_the_last(DriverHome home)
    {
        using FunctionRig rig = NewRig(home);
        using var device = new TestDevice(rig.Function);
        using DmaBuffer memory = device.Allocate();
        for (int round = 0; round < 3; round++)
        {
            Assert.Equal(IommuStatus.Ok, rig.Function.AcquireSystemPasid(out SystemPasid? first));
            Assert.Equal(IommuStatus.Ok, rig.Function.AcquireSystemPasid(out SystemPasid? second));
            Assert.Equal(first!.Value, second!.Value);
            first.Dispose();
            first.Dispose(); // counts once
            Assert.Equal((Done, Value), device.Read(memory.Address, second.Value));
            second.Dispose();
            Assert.Equal(Failed, device.Read(memory.Address, second.Value).Status);
        }
    }

    [Theory]
    [InlineData(DriverHome.Vfio)]
    [InlineData(DriverHome.Mdev)]
    [InlineData(DriverHome.Host)]
    public void The_pasid_of_a_process_leads_to_its_pointers_and_stands_beside_the_system_pasid(DriverHome home)
    {
        using FunctionRig rig = NewRig(home);
        using var device = new TestDevice(rig.Function);
        using DmaBuffer memory = device.Allocate();
        using UserMemory own = rig.Nodes.Allocate(4096);
        own.Write(0, ~Value);
        for (int round = 0; round < 3; round++)
        {
            Assert.Equal(IommuStatus.Ok, rig.Function.BindProcess(rig.Nodes, out BoundProcess? process));
            Assert.Equal(IommuStatus.Ok, rig.Function.BindProcess(rig.Nodes, out BoundProcess? again));
            Assert.Equal(IommuStatus.Ok, rig.Function.AcquireSystemPasid(out SystemPasid? system));
            Assert.Equal(process!.Value, again!.Value);
            Assert.NotEqual(process.Value, system!.Value);
            process.Dispose();
            var pointer = new Iova(own.Address.Value);
            Assert.Equal((Done, ~Value), device.Read(pointer, again.Value));
            Assert.Equal((Done, Value), device.Read(memory.Address, system.Value));
            Assert.Equal((Done, Value), device.Read(memory.Address, null));
            Assert.Equal(Failed, device.Read(pointer, system.Value).Status);
            Assert.Equal(Failed, device.Read(memory.Address, again.Value).Status);
            again.Dispose();
            Assert.Equal(Failed, device.Read(pointer, again.Value).Status);
            Assert.Equal((Done, Value), device.Read(memory.Address, system.Value));
            system.Dispose();
        }
    }

    [Theory]
    [InlineData(DriverHome.Vfio)]
    [InlineData(DriverHome.Host)]
    public void A_function_without_pasids_has_neither(DriverHome home)
    {
        using var rig = new FunctionRig(home, $"edu@{FunctionRig.Address}");
        Assert.Equal(IommuStatus.NotSupported, rig.Function.AcquireSystemPasid(out SystemPasid? system));
        Assert.Equal(IommuStatus.NotSupported, rig.Function.BindProcess(rig.Nodes, out BoundProcess? process));
        Assert.Null(system);
        Assert.Null(process);
    }

    [Fact]
    public void A_function_in_user_space_is_bound_to_no_other_process()
    {
        using var rig = new FunctionRig(DriverHome.Vfio, Device);
        using NodeTransport other = NodeTransport.InProcess(rig.Machine);
        Assert.Equal(IommuStatus.Invalid, rig.Function.BindProcess(other, out _));
    }

    [Theory]
    [InlineData(DriverHome.Vfio)]
    [InlineData(DriverHome.Host)]
    public void What_the_driver_forgets_goes_with_the_function(DriverHome home)
    {
        using var rig = new FunctionRig(home, Device, "dmatest@1000:00:06.0");
        for (int round = 0; round < 3; round++)
        {
            DriverFunction function = rig.Open("1000:00:06.0");
            Assert.Equal(IommuStatus.Ok, function.AcquireSystemPasid(out SystemPasid? system));
            Assert.Equal(IommuStatus.Ok, function.BindProcess(rig.Nodes, out BoundProcess? process));
            function.Dispose();
            system!.Dispose(); // too late, and without effect
            process!.Dispose();
            Assert.Throws<ObjectDisposedException>(() => function.AcquireSystemPasid(out _));
            Assert.Throws<ObjectDisposedException>(() => function.BindProcess(rig.Nodes, out _));
        }
    }

    [Fact]
    public void Functions_that_share_an_ioas_have_a_system_pasid_each()
    {
        using var rig = new FunctionRig(DriverHome.Vfio, Device, "dmatest@1000:00:06.0");
        var first = (VfioFunction)rig.Function;
        Assert.True(RequesterId.TryParse("1000:00:06.0", out RequesterId requester));
        VfioFunction second = VfioFunction.Open(first.Space, VfioNode.Of(rig.Nodes, requester).Path);
        using var device = new TestDevice(first);
        using DmaBuffer memory = device.Allocate();
        using (var other = new TestDevice(second))
        {
            Assert.Equal(IommuStatus.Ok, first.AcquireSystemPasid(out SystemPasid? one));
            Assert.Equal(IommuStatus.Ok, second.AcquireSystemPasid(out SystemPasid? two));
            Assert.Equal((Done, Value), device.Read(memory.Address, one!.Value));
            Assert.Equal((Done, Value), other.Read(memory.Address, two!.Value));
            one.Dispose();
            Assert.Equal(Failed, device.Read(memory.Address, one.Value).Status);
            Assert.Equal((Done, Value), other.Read(memory.Address, two.Value));
        }

        second.Dispose();
        Assert.Equal((Done, Value), device.Read(memory.Address, null));
    }

    [Fact]
    public void A_refusal_keeps_its_meaning_in_user_space()
    {
        foreach (IommuStatus status in Enum.GetValues<IommuStatus>())
            Assert.Equal(status, Statuses.Of(Ioasis.Iommufd.Objects.StatusErrno.ToErrno(status)));
        Assert.Equal(IommuStatus.NotPermitted, Statuses.Of(Errno.EPERM));
    }

    private static FunctionRig NewRig(DriverHome home) => home == DriverHome.Mdev
        ? new FunctionRig(home, "dmatest-1ch", $"{Device},mdevs=1")
        : new FunctionRig(home, Device);

    /// <summary>A dmatest: its device reads 8 bytes into the memory behind its BAR 2.</summary>
    private sealed class TestDevice : IDisposable
    {
        private const ulong Address = 0x00, Command = 0x08, Length = 0x10, Status = 0x14, Pasid = 0x2c, Features = 0x30,
            Repeat = 0x70, NextChannel = 0x100;
        private readonly DriverFunction _function;
        private readonly DriverBar _registers, _data;

        internal TestDevice(DriverFunction function, bool ats = false)
        {
            _function = function;
            function.EnableBusMaster(true);
            function.Dma.SetMaskAndCoherent(64);
            (_registers, _data) = (function.OpenBar(0), function.OpenBar(2));
            for (ulong i = 0; i < 2; i++) _registers.Write((i * NextChannel) + Features, ats ? 1u : 0u);
        }

        internal DmaBuffer Allocate()
        {
            Assert.Equal(IommuStatus.Ok, _function.Dma.AllocateCoherent(4096, out DmaBuffer? memory));
            memory!.Bytes.Write(0, Value);
            return memory;
        }

        internal (int Status, ulong Value) Read(Iova address, Pasid? pasid)
        {
            _data.Write(0, 0UL);
            _registers.Write(Pasid, pasid is { } value ? SendsPasid | value.Value : 0u);
            _registers.Write(Address, address.Value);
            _registers.Write(Length, 8u);
            _registers.Write(Command, 3u); // start, from memory to the device
            Until.True(() => (_registers.Read<uint>(Command) & 1) == 0);
            return (_registers.Read<int>(Status), _data.Read<ulong>(0));
        }

        /// <summary>Starts to write 8 bytes again and again, until a fault.</summary>
        internal void WriteWithoutEnd(int channel, Iova address, Pasid? pasid)
        {
            ulong at = (ulong)channel * NextChannel;
            _data.Write(0, Value);
            _registers.Write(at + Pasid, pasid is { } value ? SendsPasid | value.Value : 0u);
            _registers.Write(at + Address, address.Value);
            _registers.Write(at + Length, 8u);
            _registers.Write(at + Repeat, uint.MaxValue);
            _registers.Write(at + Command, 1u); // start, from the device to memory
        }

        /// <summary>Waits for a channel's end; its status.</summary>
        internal int End(int channel)
        {
            ulong at = (ulong)channel * NextChannel;
            Until.True(() => (_registers.Read<uint>(at + Command) & 1) == 0);
            return _registers.Read<int>(at + Status);
        }

        public void Dispose()
        {
            _data.Dispose();
            _registers.Dispose();
        }
    }
}
