using Ioasis.Abi;
using Ioasis.Host.Devices;
using Ioasis.Iommufd.Files;
using Ioasis.Linux.Events;
using Ioasis.Linux.Files;

namespace Ioasis.Tests.Host;

/// <summary>
/// What KVM's devices hold, with an eventfd for each device: all that counts of one is its open file.
/// </summary>
public sealed class KvmDevicesTests : IDisposable
{
    private const int Process = 1;

    private readonly Closer _closer = new();
    private readonly KvmDevices _devices;
    private readonly CountingFile _file = new();
    private readonly OpenFile _open;

    public KvmDevicesTests()
    {
        _devices = new KvmDevices(_closer);
        Assert.Equal(Errno.None, Carrier.TryCreate("test", out Carrier? carrier));
        _open = new OpenFile("/dev/vfio/0", carrier!, _file, FcntlH.O_RDWR, opener: Process,
            new SamplePaths.SampleNode("/dev/vfio/0", 10, 124, 0x1B6));
    }

    public void Dispose()
    {
        _devices.Dispose();
        _closer.Dispose();
    }

    private void Look()
    {
        _devices.CloseWhatIsGone();
        Assert.True(_closer.TryAwaitAll(TimeSpan.FromMinutes(1)));
    }

    // A process that another test is starting has a copy of each descriptor until it execs.
    private void LookUntilClosed() => Until.True(() =>
    {
        Look();
        return _file.Closed != 0;
    });

    // No program has the file any more.
    private void Abandon()
    {
        _open.IsAbandoned = true;
        _open.Release();
    }

    private static FileDescriptor NewDevice()
    {
        Assert.Equal(Errno.None, SysEvents.CreateEventFd(0, 0, out FileDescriptor device));
        return device;
    }

    private static FileDescriptor Copy(FileDescriptor device) =>
        new((int)SysFiles.Fcntl(device, FcntlH.F_DUPFD_CLOEXEC).Value);

    [Fact]
    public void ADeviceIsItsOpenFileWhateverTheDescriptor()
    {
        using FileDescriptor device = NewDevice(), copy = Copy(device), other = NewDevice();
        Assert.Equal(Errno.None, _devices.Add(device, Process, _open));
        Assert.Equal(Errno.EEXIST, _devices.Add(copy, Process, _open));
        Assert.Equal(Errno.ENOENT, _devices.Remove(other, Process, _open));
        Assert.Equal(Errno.None, _devices.Add(other, Process, _open));
        Assert.Equal(Errno.None, _devices.Remove(copy, Process, _open));
        Assert.Equal(Errno.ENOENT, _devices.Remove(device, Process, _open));
        Assert.Equal(Errno.None, _devices.Remove(other, Process, _open));
    }

    [Fact]
    public void AnotherProcessIsRefused()
    {
        using FileDescriptor device = NewDevice();
        Assert.Equal(Errno.None, _devices.Add(device, Process, _open));
        Assert.Equal(Errno.EIO, _devices.Add(device, Process + 1, _open));
        Assert.Equal(Errno.EIO, _devices.Remove(device, Process + 1, _open));
    }

    [Fact]
    public void WhatTheDevicesOfAProcessHoldIsBounded()
    {
        using var devices = new KvmDevices(_closer, mostFiles: 4);
        using FileDescriptor first = NewDevice(), second = NewDevice(), third = NewDevice(), other = NewDevice();
        Assert.Equal(Errno.None, devices.Add(first, Process, _open));
        Assert.Equal(Errno.None, devices.Add(second, Process, _open));
        Assert.Equal(Errno.ENOMEM, devices.Add(third, Process, _open));
        Assert.Equal(Errno.None, devices.Add(other, Process + 1, _open));
        Assert.Equal(Errno.None, devices.Remove(first, Process, _open));
        Assert.Equal(Errno.None, devices.Add(third, Process, _open));
    }

    [Fact]
    public void AFileStaysOpenUntilTheDeviceIsClosed()
    {
        FileDescriptor device = NewDevice(), copy = Copy(device);
        Assert.Equal(Errno.None, _devices.Add(device, Process, _open));
        Abandon();
        Look();
        Assert.Equal(0, _file.Closed);
        Assert.True(_devices.HasAbandoned);
        device.Dispose();
        Look();
        Assert.Equal(0, _file.Closed);
        copy.Dispose();
        LookUntilClosed();
        Assert.Equal(1, _file.Closed);
        Assert.False(_devices.HasAbandoned);
    }

    [Fact]
    public void AFileThatWasRemovedIsNotHeld()
    {
        using FileDescriptor device = NewDevice();
        Assert.Equal(Errno.None, _devices.Add(device, Process, _open));
        Assert.Equal(Errno.None, _devices.Remove(device, Process, _open));
        Abandon();
        Assert.Equal(1, _file.Closed);
        Assert.Equal(Errno.EBADF, _devices.Add(device, Process, _open)); // closed already
    }

    [Fact]
    public void DevicesThatAreGoneAreForgotten()
    {
        for (int i = 0; i < 100; i++)
        {
            using FileDescriptor device = NewDevice();
            Assert.Equal(Errno.None, _devices.Add(device, Process, _open));
        }

        Assert.InRange(_devices.Count, 1, 10);
        Abandon();
        Assert.Equal(0, _file.Closed);
        LookUntilClosed();
        Assert.Equal(1, _file.Closed);
        Assert.Equal(0, _devices.Count);
    }

    private sealed class CountingFile : NodeFile
    {
        public int Closed { get; private set; }

        public override SysResult Ioctl(ICaller caller, uint command, ulong argument) => Errno.ENOTTY;

        public override void Close() => Closed++;
    }
}
