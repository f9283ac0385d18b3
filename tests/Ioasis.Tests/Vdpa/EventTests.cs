using Ioasis.Abi;
using Ioasis.Tests.Vfio;
using static Ioasis.Abi.VhostH;

namespace Ioasis.Tests.Vdpa;

/// <summary>The eventfds of a vDPA device's driver.</summary>
public sealed class EventTests
{
    private const int First = 5, Second = 6, NoEvent = 7, Closed = 99;

    [Theory]
    [InlineData(VHOST_SET_VRING_KICK)]
    [InlineData(VHOST_SET_VRING_CALL)]
    [InlineData(VHOST_SET_VRING_ERR)]
    public void AnEventfdIsHeldUntilAnotherTakesItsPlace(uint command)
    {
        using var program = new VdpaProgram();
        FakeEvent first = program.Caller.AddEvent(First), second = program.Caller.AddEvent(Second);
        program.Caller.Add(NoEvent, Ioasis.Iommufd.Files.OtherFile.Instance);
        Assert.Equal(Errno.None, program.SetFile(command, 0, First));
        Assert.Equal(1, first.Holders);
        Assert.Equal(Errno.EBADF, program.SetFile(command, 0, Closed));
        Assert.Equal(Errno.EBADF, program.SetFile(command, 0, -2));
        Assert.Equal(Errno.EINVAL, program.SetFile(command, 0, NoEvent));
        Assert.Equal(Errno.ENOBUFS, program.SetFile(command, 3, Second));
        Assert.Equal((1, 0), (first.Holders, second.Holders));
        Assert.Equal(Errno.None, program.SetFile(command, 0, Second));
        Assert.Equal((0, 1), (first.Holders, second.Holders));
        Assert.Equal(Errno.None, program.SetFile(command, 1, First));
        Assert.Equal(Errno.None, program.SetFile(command, 0, VHOST_FILE_UNBIND));
        Assert.Equal((1, 0), (first.Holders, second.Holders));
        program.Close();
        Assert.Equal(0, first.Holders);
    }

    [Fact]
    public void AWrongDescriptorTakesTheConfigurationsEventfdAway()
    {
        using var program = new VdpaProgram();
        FakeEvent first = program.Caller.AddEvent(First);
        Assert.Equal(Errno.EFAULT, program.Ioctl(VHOST_VDPA_SET_CONFIG_CALL));
        Assert.Equal(Errno.None, program.Ioctl(VHOST_VDPA_SET_CONFIG_CALL, First));
        program.Run();
        program.Model.Slot!.ConfigChanged();
        Assert.Equal(1, first.Take());
        Assert.Equal(Errno.EBADF, program.Ioctl(VHOST_VDPA_SET_CONFIG_CALL, Closed));
        Assert.Equal(0, first.Holders);
        program.Model.Slot!.ConfigChanged();
        Assert.Equal(0, first.Take());
    }

    [Fact]
    public void AFailureOfTheDeviceIsTold()
    {
        using var program = new VdpaProgram();
        FakeEvent first = program.Caller.AddEvent(First);
        Assert.Equal(Errno.None, program.Ioctl(VHOST_VDPA_SET_CONFIG_CALL, First));
        program.Run();
        program.Model.Slot!.Fail();
        Assert.Equal(1, first.Take());
        Assert.Equal(0x4f, program.Get<byte>(VHOST_VDPA_GET_STATUS));
        Assert.Equal(Errno.None, program.SetStatus(0));
        Assert.Equal(0, program.Get<byte>(VHOST_VDPA_GET_STATUS));
    }

    [Fact]
    public void AKickIsHeardAndTheCounterLeftAsItIs()
    {
        using var program = new VdpaProgram();
        FakeEvent kick = program.Caller.AddEvent(First);
        Assert.Equal(Errno.None, program.SetFile(VHOST_SET_VRING_KICK, 0, First));
        Assert.NotNull(kick.Watcher);
        Assert.Null(kick.Listener);
        Action raised = kick.Watcher!;
        raised();
        Assert.Equal(Errno.None, program.SetFile(VHOST_SET_VRING_KICK, 0, VHOST_FILE_UNBIND));
        Assert.Null(kick.Watcher);
        raised(); // a call under way comes too late, and harms nobody
    }

    [Fact]
    public void AHostThatCannotListenKeepsTheFormerEventfd()
    {
        using var program = new VdpaProgram();
        FakeEvent first = program.Caller.AddEvent(First), second = program.Caller.AddEvent(Second);
        second.CannotListen = static () => true;
        Assert.Equal(Errno.None, program.SetFile(VHOST_SET_VRING_KICK, 0, First));
        Assert.Equal(Errno.ENOMEM, program.SetFile(VHOST_SET_VRING_KICK, 0, Second));
        Assert.Equal((1, 0), (first.Holders, second.Holders));
    }

    [Fact]
    public void EventfdsOutliveAReset()
    {
        using var program = new VdpaProgram();
        FakeEvent kick = program.Caller.AddEvent(First), call = program.Caller.AddEvent(Second);
        Assert.Equal(Errno.None, program.SetFile(VHOST_SET_VRING_KICK, 0, First));
        Assert.Equal(Errno.None, program.SetFile(VHOST_SET_VRING_CALL, 0, Second));
        Assert.Equal(Errno.None, program.SetStatus(0));
        program.Device.SignalQueue(0);
        Assert.Equal((1, 1, 1), (kick.Holders, call.Holders, call.Take()));
    }
}
