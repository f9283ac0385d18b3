namespace Ioasis.Linux;

/// <summary>Numbers of the system calls of x86-64 (asm/unistd_64.h) that we stop or make ourselves.</summary>
internal static class SyscallNumbers
{
    public const int Write = 1;
    public const int Open = 2;
    public const int Stat = 4;
    public const int Fstat = 5;
    public const int Lstat = 6;
    public const int Mmap = 9;
    public const int Mprotect = 10;
    public const int Munmap = 11;
    public const int Brk = 12;
    public const int RtSigaction = 13;
    public const int Ioctl = 16;
    public const int Pread64 = 17;
    public const int Pwrite64 = 18;
    public const int Writev = 20;
    public const int Access = 21;
    public const int Mremap = 25;
    public const int Madvise = 28;
    public const int Shmat = 30;
    public const int Execve = 59;
    public const int Shmdt = 67;
    public const int Creat = 85;
    public const int Readlink = 89;
    public const int Capget = 125;
    public const int Getxattr = 191;
    public const int Lgetxattr = 192;
    public const int Listxattr = 194;
    public const int Llistxattr = 195;
    public const int RemapFilePages = 216;
    public const int EpollWait = 232;
    public const int Openat = 257;
    public const int Newfstatat = 262;
    public const int Readlinkat = 267;
    public const int Faccessat = 269;
    public const int Preadv = 295;
    public const int Pwritev = 296;
    public const int Seccomp = 317;
    public const int Execveat = 322;
    public const int Preadv2 = 327;
    public const int Pwritev2 = 328;
    public const int PkeyMprotect = 329;
    public const int Statx = 332;
    public const int PidfdOpen = 434;
    public const int Openat2 = 437;
    public const int PidfdGetfd = 438;
    public const int Faccessat2 = 439;
    public const int ProcessMadvise = 440;
}
