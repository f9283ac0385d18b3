using System.Text;
using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Core;
using Ioasis.Core.DmaApi;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Machine.Drivers;
using Ioasis.Machine.Nodes;
using Ioasis.Memory;

namespace Ioasis.Tests.Machine;

/// <content>Which driver has a function, and how functions go from one to another.</content>
public sealed partial class HostFunctionTests
{
    [Fact]
    public void TheFunctionHasTheDriversNameMeanwhile()
    {
        string[] before = [.. _machine.Paths.Keys.Order(StringComparer.Ordinal)];
        Assert.Contains($"{Vfio}/{First}", _machine.Paths);
        using (Open(_machine, s_first))
        {
            Assert.Equal("../../../bus/pci/drivers/" + Driver, Link($"{Sysfs}/driver"));
            Assert.Contains($"{Folder}/{First}", _machine.Paths);
            Assert.DoesNotContain($"{Vfio}/{First}", _machine.Paths);
            Assert.DoesNotContain("/dev/vfio/devices/vfio0", _machine.Paths);
            Assert.DoesNotContain($"{Sysfs}/vfio-dev", _machine.Paths);
            Assert.Contains($"DRIVER={Driver}\n", _nodes.ReadAttribute($"{Sysfs}/uevent"), StringComparison.Ordinal);
        }

        Assert.Equal(before, _machine.Paths.Keys.Order(StringComparer.Ordinal));
        Use(s_first);
    }

    [Fact]
    public void WhereADriverHasTheGroupAProgramIsBusy()
    {
        using SoftwareMachine machine = Create("{}", group: 7);
        using var nodes = NodeTransport.InProcess(machine);
        using var context = IommuContext.Open(nodes);
        using VfioDevice device = VfioDevice.Open(nodes, s_second);
        using VfioGroup group = VfioGroup.Open(nodes, 7);
        Assert.Equal(VfioGroupStates.Viable, group.GetStatus());
        using (Open(machine, s_first))
        {
            Assert.Equal(Errno.EBUSY, Assert.Throws<IommuException>(() => device.Bind(context)).Errno);
            Assert.Equal(VfioGroupStates.None, group.GetStatus());
        }

        Assert.Equal(VfioGroupStates.Viable, group.GetStatus());
        group.Dispose();
        device.Bind(context);
        Assert.Equal(IommuStatus.Busy, machine.OpenHostDriver(s_first, Driver, null, out HostFunction? refused));
        Assert.Null(refused);
        Assert.DoesNotContain(Folder, machine.Paths);
        device.Dispose();
        using (Open(machine, s_first))
        using (Open(machine, s_second)) // any number of functions of one group
        {
        }
    }

    [Fact]
    public void AFunctionThatAProgramHasOpenIsBusy()
    {
        using (VfioDevice.Open(_nodes, s_first))
            Assert.Equal(IommuStatus.Busy, _machine.OpenHostDriver(s_first, Driver, null, out _));
        Assert.False(_machine.Devices[0].Endpoint.Group.IsClaimed);
        using (Open(_machine, s_first))
            Assert.Equal(IommuStatus.Busy, _machine.OpenHostDriver(s_first, "another", null, out _));
        Assert.Equal(IommuStatus.NotFound,
            _machine.OpenHostDriver(new RequesterId(0x1000, 9, 9, 0), Driver, null, out _));
        Take($"{Sysfs}/driver_override", "vfio-pci");
        Assert.Equal(IommuStatus.NoDevice, _machine.OpenHostDriver(s_first, Driver, null, out _));
        Use(s_first);
    }

    [Fact]
    public void ADriverKeepsTheTypeOfItsGroup()
    {
        using (HostFunction function = Open(_machine, s_first))
        {
            function.EnableBusMaster(true);
            using DmaMemory memory = function.Dma.Space.AllocateMemory(0x1000);
            Assert.Equal(IommuStatus.Ok, function.Dma.Map(memory, DmaDirection.ToDevice, out DmaMapping mapping));
            Assert.Equal(Errno.EPERM, WriteType("identity"));
            Assert.Equal(Errno.EPERM, WriteType("auto"));
            Assert.Equal(Errno.None, WriteType("DMA-FQ")); // at work: the same domain gets a queue
            Assert.Equal((1, 0), Run(function, mapping.Address.Value, 8));
            Assert.Equal(Errno.EPERM, WriteType("DMA"));
            mapping.Dispose();
        }

        Assert.Equal("DMA-FQ", _nodes.ReadAttribute(Type));
        Assert.Equal(Errno.None, WriteType("identity"));
    }

    /// <summary>What a shell does: from vfio-pci to a driver in the host and back.</summary>
    [Fact]
    public void SysfsMovesAFunctionBetweenDrivers()
    {
        using var bound = new SemaphoreSlim(0);
        HostFunction? function = null;
        using HostDriver driver = _machine.AddHostDriver(Driver, address =>
        {
            Assert.Equal(IommuStatus.Ok, _machine.OpenHostDriver(address, Driver, null, out function));
            bound.Release();
        });
        Assert.Throws<ArgumentException>(() => _machine.AddHostDriver(Driver, _ => { }));
        Assert.Throws<ArgumentException>(() => _machine.AddHostDriver("vfio-pci", _ => { }));
        Assert.Throws<ArgumentException>(() => _machine.AddHostDriver("a/b", _ => { }));
        Take($"{Vfio}/unbind", First);
        Take($"{Sysfs}/driver_override", Driver);
        Take($"{Vfio}/bind", First);
        Assert.DoesNotContain($"{Sysfs}/driver", _machine.Paths);
        Take("/sys/bus/pci/drivers_probe", First);
        Assert.True(bound.Wait(s_patience, TestContext.Current.CancellationToken));
        Assert.Contains($"{Folder}/{First}", _machine.Paths);
        Take($"{Folder}/bind", First); // it has one
        Take($"{Vfio}/unbind", First); // not this one
        Assert.False(function!.ReleaseRequested.IsCancellationRequested);

        Take($"{Sysfs}/driver_override", "\n");
        using var asked = new ManualResetEventSlim();
        using CancellationTokenRegistration called = function.ReleaseRequested.Register(asked.Set);
        Take($"{Folder}/unbind", First);
        Assert.True(asked.Wait(s_patience, TestContext.Current.CancellationToken));
        Take($"{Vfio}/bind", First); // Linux lets the write to unbind wait until the driver has let go
        Assert.DoesNotContain($"{Vfio}/{First}", _machine.Paths);
        function.Dispose();
        Assert.Contains($"{Vfio}/{First}", _machine.Paths);
        Use(s_first);

        // Without a bind meanwhile it stays without a driver.
        Take($"{Vfio}/unbind", First);
        Take($"{Folder}/bind", First);
        Assert.True(bound.Wait(s_patience, TestContext.Current.CancellationToken));
        Take($"{Folder}/unbind", First);
        function.Dispose();
        Assert.DoesNotContain($"{Sysfs}/driver", _machine.Paths);
        Take($"{Folder}/bind", First);
        Assert.True(bound.Wait(s_patience, TestContext.Current.CancellationToken));
        Assert.Throws<InvalidOperationException>(driver.Dispose);
        function.Dispose();
    }

    [Fact]
    public void AFunctionThatIsRemovedIsAskedFor()
    {
        HostFunction function = Open(_machine, s_first);
        using var asked = new ManualResetEventSlim();
        using CancellationTokenRegistration called = function.ReleaseRequested.Register(asked.Set);
        Take($"{Sysfs}/remove", "1");
        Assert.True(asked.Wait(s_patience, TestContext.Current.CancellationToken));
        Assert.DoesNotContain($"{Sysfs}/vendor", _machine.Paths);
        Assert.Equal(IommuStatus.NotFound, _machine.OpenHostDriver(s_first, Driver, null, out _));
        function.Dispose();
        Take("/sys/bus/pci/rescan", "1");
        Assert.Contains($"{Vfio}/{First}", _machine.Paths);
        Use(s_first);
    }

    [Fact]
    public void AVirtualFunctionLeavesWhenItsDriverHasGivenItBack()
    {
        using SoftwareMachine machine =
            SoftwareMachine.Create(MachineDescription.Empty.WithDevice($"dmatest@{First},virtualFunctions=2"));
        Errno? answer = null;
        Assert.Equal(Errno.None, Enable("1"));
        Assert.Equal(IommuStatus.Busy, machine.OpenHostDriver(s_first, Driver, null, out _));
        HostFunction function = Open(machine, machine.Devices[1].Requester);
        Assert.Null(Enable("0"));
        Assert.Equal(2, machine.Devices.Count);
        Assert.Equal(IommuStatus.NotFound,
            machine.OpenHostDriver(machine.Devices[1].Requester, "another", null, out _));
        function.Dispose();
        Assert.Equal(Errno.None, answer);
        Assert.Single(machine.Devices);
        Assert.Equal(Errno.None, Enable("2"));

        Errno? Enable(string count)
        {
            answer = null;
            ((VirtualFile)machine.Paths[$"{Sysfs}/sriov_numvfs"])
                .Store!(Encoding.ASCII.GetBytes(count), errno => answer = errno);
            return answer;
        }
    }

    [Fact]
    public void SysfsShowsTheMasksOfTheDriver()
    {
        using HostFunction function = Open(_machine, s_first);
        Assert.Equal("32", _nodes.ReadAttribute($"{Sysfs}/dma_mask_bits"));
        Assert.Equal(IommuStatus.Ok, function.Dma.SetMask(48));
        Assert.Equal(IommuStatus.Ok, function.Dma.SetCoherentMask(40));
        Assert.Equal("48", _nodes.ReadAttribute($"{Sysfs}/dma_mask_bits"));
        Assert.Equal("40", _nodes.ReadAttribute($"{Sysfs}/consistent_dma_mask_bits"));
    }

    [Fact]
    public void AMachineThatIsDisposedTakesItsFunctionsBack()
    {
        SoftwareMachine machine = Create("{}");
        HostFunction function = Open(machine, s_first);
        DmaMemory memory = function.Dma.Space.AllocateMemory(0x1000);
        Assert.Equal(IommuStatus.Ok, function.Dma.Map(memory, DmaDirection.ToDevice, out _)); // left behind
        Assert.Throws<InvalidOperationException>(machine.Dispose);
        Assert.Throws<ObjectDisposedException>(() => function.EnableBusMaster(true));
        Assert.False(function.Endpoint.Group.IsClaimed);
    }
}
