namespace Ioasis.Linux.Processes;

/// <summary>Limits of a process, by their numbers in setrlimit(2).</summary>
internal enum ResourceLimit
{
    /// <summary>RLIMIT_FSIZE: the size in bytes to which the process can make a file grow.</summary>
    FileSize = 1,

    /// <summary>RLIMIT_NOFILE: how many descriptors the process can have open.</summary>
    Descriptors = 7,
}
