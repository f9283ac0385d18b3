using System.Text;
using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Machine.Nodes;
using Ioasis.Memory;

namespace Ioasis.Tests.Machine;

/// <summary>The driver vfio-pci takes functions and gives them back (Linux: drivers/base/bus.c, vfio_main.c).</summary>
public sealed class DriverTests : IDisposable
{
    private const string Driver = "/sys/bus/pci/drivers/vfio-pci", Address = "1000:00:05.0",
        Function = "/sys/devices/pci1000:00/" + Address;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);
    private static readonly RequesterId s_function = new(0x1000, 0, 5, 0);

    private readonly SoftwareMachine _machine =
        SoftwareMachine.Create(MachineDescription.Default.WithDevice($"dmatest@{Address},virtualFunctions=2"));
    private readonly NodeTransport _nodes;

    public DriverTests() => _nodes = NodeTransport.InProcess(_machine);

    private static string[] PathsOfDriver => [$"{Function}/driver", $"{Function}/vfio-dev", $"{Driver}/{Address}",
        "/dev/vfio/2", "/dev/vfio/devices/vfio2", "/sys/class/vfio/2"];

    private bool IsBound
    {
        get
        {
            bool[] there = [.. PathsOfDriver.Select(_machine.Paths.ContainsKey)];
            Assert.Single(there.Distinct());
            return there[0];
        }
    }

    public void Dispose()
    {
        _nodes.Dispose();
        _machine.Dispose();
    }

    [Fact]
    public void AFunctionIsGivenBackAndTakenAgain()
    {
        string[] before = [.. _machine.Paths.Keys.Order(StringComparer.Ordinal)];
        Take($"{Driver}/unbind", Address);
        Assert.False(IsBound);
        string[] gone = [.. PathsOfDriver, "/sys/devices/virtual/vfio/2", "/sys/dev/char/510:2", "/sys/dev/char/511:2",
            "/sys/class/vfio-dev/vfio2"];
        Assert.Equal(before.Where(path => gone.Any(one => path == one
                || path.StartsWith(one + "/", StringComparison.Ordinal))), before.Except(_machine.Paths.Keys));
        Assert.DoesNotContain("DRIVER", _nodes.ReadAttribute($"{Function}/uevent"), StringComparison.Ordinal);
        Take($"{Driver}/bind", Address + "\n");
        Assert.True(IsBound);
        Assert.Equal(before, _machine.Paths.Keys.Order(StringComparer.Ordinal));
        Use();
    }

    [Theory]
    [InlineData("1000:00:06.0")]
    [InlineData("1000:00:05")]
    [InlineData("")]
    public void WhatIsNoFunctionChangesNothing(string text)
    {
        Take($"{Driver}/unbind", text);
        Assert.True(IsBound);
        Take($"{Driver}/bind", text);
        Take("/sys/bus/pci/drivers_probe", text);
        Assert.True(IsBound);
    }

    [Fact]
    public void OneThatIsInUseIsAskedForAndLeavesWhenItIsClosed()
    {
        VfioGroup group = VfioGroup.Open(_nodes, 1);
        using var context = IommuContext.Open(_nodes);
        VfioDevice device = VfioDevice.Open(_nodes, s_function);
        device.Bind(context);
        using UserEvent asked = _nodes.CreateEvent();
        device.GetInterrupt(VfioH.VFIO_PCI_REQ_IRQ_INDEX).SetEvents(0, asked);

        Take($"{Driver}/unbind", Address);
        Assert.Equal(1UL, asked.Wait(s_patience));
        Assert.False(IsBound);
        Assert.NotEqual(0u, device.GetInfo().Raw.NumRegions); // it works until it is closed
        device.Dispose();
        Assert.False(IsBound);
        Take($"{Driver}/bind", Address);
        Assert.True(IsBound);
        Use();
        group.Dispose();
    }

    [Fact]
    public void OneThatLeavesIsTakenAgainWhenItHasLeft()
    {
        VfioDevice device = VfioDevice.Open(_nodes, s_function);
        Take($"{Driver}/unbind", Address);
        Take($"{Driver}/bind", Address);
        Assert.False(IsBound);
        device.Dispose();
        Assert.True(IsBound);
        Use();
    }

    [Fact]
    public void AGroupThatIsOpenIsOfNoUseWhenItsFunctionWasGone()
    {
        using VfioGroup group = VfioGroup.Open(_nodes, 2);
        Take($"{Driver}/unbind", Address);
        Take($"{Driver}/bind", Address);
        Assert.Equal(Errno.ENODEV, Assert.Throws<IommuException>(() => group.GetStatus()).Errno);
        Use();
    }

    [Theory]
    [InlineData("vfio-pci", true)]
    [InlineData("pci-stub", false)]
    public void OnlyTheDriverThatOverridesTakesIt(string driver, bool isBound)
    {
        Take($"{Driver}/unbind", Address);
        Take($"{Function}/driver_override", driver);
        Take("/sys/bus/pci/drivers_probe", Address);
        Assert.Equal(isBound, IsBound);
    }

    [Theory]
    [InlineData("1234 11e9", true)]
    [InlineData("0x1234 0x11e9\n", true)]
    [InlineData("1234 11e8", false)]
    [InlineData("1234", false)]
    [InlineData("vendor device", false)]
    public void ANewIdTakesFunctionsWithoutADriver(string text, bool isBound)
    {
        Take($"{Driver}/unbind", Address);
        Take($"{Driver}/new_id", text);
        Assert.Equal(isBound, IsBound);
    }

    [Fact]
    public void AFunctionIsRemovedAndFoundAgain()
    {
        string[] before = [.. _machine.Paths.Keys.Order(StringComparer.Ordinal)];
        Take($"{Function}/remove", "0");
        Assert.True(IsBound);
        Take($"{Function}/remove", "1");
        Assert.DoesNotContain(_machine.Paths.Keys, path => path.Contains(Address, StringComparison.Ordinal));
        Take($"{Driver}/bind", Address);
        Assert.False(IsBound);
        Take("/sys/bus/pci/rescan", "1");
        Assert.Equal(before, _machine.Paths.Keys.Order(StringComparer.Ordinal));
        Take($"{Function}/remove", "1");
        Take("/sys/bus/pci/drivers_autoprobe", "0");
        Take("/sys/bus/pci/rescan", "1");
        Assert.False(IsBound);
        Assert.Contains($"{Function}/vendor", _machine.Paths);
    }

    [Fact]
    public void VirtualFunctionsGoWithTheirPhysicalOne()
    {
        Assert.Equal(Errno.None, Enable("2"));
        Take($"{Driver}/unbind", Address);
        Assert.True(SpinWait.SpinUntil(() => !_machine.Paths.ContainsKey($"{Function}/virtfn0")
                && _machine.Devices.Count == 3, s_patience));
        Assert.Equal(Errno.ENOENT, Enable("2"));
        Take($"{Driver}/bind", Address);
        Assert.True(SpinWait.SpinUntil(() => IsBound, s_patience));
        Assert.Equal(Errno.None, Enable("2"));
    }

    [Fact]
    public void VirtualFunctionsComeWithoutADriverWhereTheyAreNotProbed()
    {
        Take($"{Function}/sriov_drivers_autoprobe", "0");
        Assert.Equal(Errno.None, Enable("1"));
        const string virtualFunction = "/sys/devices/pci1000:00/1000:00:15.0";
        Assert.Contains($"{virtualFunction}/vendor", _machine.Paths);
        Assert.DoesNotContain($"{virtualFunction}/driver", _machine.Paths);
        Take($"{Driver}/bind", "1000:00:15.0");
        Assert.Contains($"{virtualFunction}/driver", _machine.Paths);
        Assert.Equal(Errno.None, Enable("0"));
        Assert.Equal(3, _machine.Devices.Count);
    }

    [Fact]
    public void AVirtualFunctionThatIsUnboundGoesWithTheOthers()
    {
        Assert.Equal(Errno.None, Enable("2"));
        VfioDevice device = VfioDevice.Open(_nodes, new RequesterId(0x1000, 0, 0x15, 0));
        Take($"{Driver}/unbind", "1000:00:15.0");
        Take($"{Driver}/unbind", "1000:00:15.1");
        Errno? answer = null;
        ((VirtualFile)_machine.Paths[$"{Function}/sriov_numvfs"]).Store!("0"u8, errno => answer = errno);
        Assert.Null(answer);
        device.Dispose();
        Assert.Equal(Errno.None, answer);
        Assert.Equal(3, _machine.Devices.Count);
        Assert.Equal(Errno.None, Enable("2"));
        Assert.Contains("/sys/devices/pci1000:00/1000:00:15.0/driver", _machine.Paths);
    }

    private void Use()
    {
        using var context = IommuContext.Open(_nodes);
        using VfioDevice device = VfioDevice.Open(_nodes, s_function);
        device.Bind(context);
        Assert.NotEqual(0u, device.GetInfo().Raw.NumRegions);
    }

    private Errno? Enable(string count)
    {
        Errno? answer = null;
        ((VirtualFile)_machine.Paths[$"{Function}/sriov_numvfs"])
            .Store!(Encoding.ASCII.GetBytes(count), errno => answer = errno);
        return answer;
    }

    private void Take(string path, string text) =>
        ((VirtualFile)_machine.Paths[path]).Take!(Encoding.ASCII.GetBytes(text));
}
